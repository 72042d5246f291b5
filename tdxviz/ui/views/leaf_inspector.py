"""The leaf inspector: choose a leaf, fill in its operands, see its checks tick, issue it."""

from typing import Any

import msgspec
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout

from tdxviz.core import commands as c
from tdxviz.core.arch.leaves import BY_NAME, Leaf
from tdxviz.core.events import LeafReturned, SeamcallHeld
from tdxviz.session.actions import Action
from tdxviz.ui.panel import Panel
from tdxviz.ui.present import leaf_answer, leaf_operands, leaf_walk, links
from tdxviz.ui.present.questions import Questions, asked
from tdxviz.ui.views.leaf_checks import LeafChecks
from tdxviz.ui.views.leaf_form import RAW, LeafForm, LeafPicker, button
from tdxviz.ui.widgets.flow import Flow

TICK_MS = 220
"""Between two checks while the button is held down."""
FIRST = "TDH.MEM.PAGE.AUG"
"""Shown while nothing was called yet."""
ISSUE = {
    "host": "The host makes this SEAMCALL now; it becomes part of the script",
    "guest": "The vCPU that runs there makes this TDCALL now; it becomes part of the script",
}
TRIED = "Tried on a copy of the machine: nothing has changed."
TICKED = "On a copy, nothing has changed. Proceed makes the call."
NO_CALL = f"No call by now: {FIRST} is shown."
NO_GUEST = "No TD runs on this processor: a TDCALL needs a guest that makes it."


class LeafInspectorPanel(Panel):
    """Follows the last call of the moment until a leaf is chosen."""

    name = "leaf_inspector"
    title = "Leaf inspector"
    key = "I"
    tooltip = (
        "Choose any SEAMCALL or TDCALL leaf: operands with values from the present machine, its checks in the "
        "module's order, and the answer in words. Issue makes the call; Try asks a copy and changes nothing"
    )

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self.ask: Questions | None = None
        self.trial: Any = None
        """The answer of a copy of the machine, or why it gave none."""
        self._calls, self._calls_of = leaf_answer.Calls(), None
        self._at_end = False
        """Whether the checks were ticked up to the effects."""
        self._shape = ""
        """For which leaf (or for which registers) there are fields."""
        self.head, self.told = QLabel(self.title), QLabel("")
        self.picker = LeafPicker()
        self.picker.currentIndexChanged.connect(lambda _: self._chosen())
        self.version, self.lp = QComboBox(), QComboBox()
        self.version.addItems(["v0", "v1"])
        self.form = LeafForm(self._edited)
        self.board = LeafChecks(bridge, theme)
        self.issue = button("Issue", "issue", ISSUE["host"], self.do_issue)
        self.tick = button("Next check", "tick", "Tick the checks one by one on a copy, up to the effects; hold the "
                           "button down to go through them", self.do_tick)  # fmt: skip
        self.tick.setAutoRepeat(True)
        self.tick.setAutoRepeatInterval(TICK_MS)
        self.hold = button("Hold", "hold", "Make the call and let it stay inside the module, with its locks: after "
                           "the checks ticked so far, or before its effects", self.do_hold)  # fmt: skip
        self.proceed = button("Proceed", "proceed", "Let the call go on to its end", self.do_proceed)
        self.try_ = button("Try on a copy", "try", "Ask a copy of the machine; nothing changes", self.do_try)
        self.refill = button("Fill in", "refill", "Values from the present machine", self.do_fill)
        self._build()
        self._dress()

    def _build(self) -> None:
        for widget, words in ((self.version, "Version of the leaf"), (self.lp, "Logical processor")):
            widget.setAccessibleName(words)
            widget.setToolTip(words)
        self.version.currentIndexChanged.connect(lambda _: self._edited())
        self.lp.currentIndexChanged.connect(lambda _: self._edited())
        self.issue.setProperty("primary", True)
        first, last = QHBoxLayout(), Flow(int(self.theme.px(4)))
        first.addWidget(self.head)
        first.addWidget(self.picker, 1)
        for widget in (self.version, self.lp):
            first.addWidget(widget)
        for widget in (self.issue, self.tick, self.hold, self.proceed, self.try_, self.refill):
            last.add(widget)
        self.told.setWordWrap(True)
        self.box = QVBoxLayout(self)
        self.box.addLayout(first)
        self.box.addWidget(self.form)
        self.box.addWidget(last)
        self.box.addWidget(self.told)
        self.box.addWidget(self.board, 1)
        self.setFocusProxy(self.picker)

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(620)), int(self.theme.px(560)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(240)), int(self.theme.px(110)))

    def _dress(self) -> None:
        u = int(self.theme.px(8))
        self.box.setContentsMargins(u, u // 2, u // 2, u // 2)
        self.box.setSpacing(u // 2)
        self.head.setFont(self.theme.font(14, True))
        self.told.setStyleSheet(f"color: {self.theme.bad}; font-size: {self.theme.px(12):.0f}px;")

    def set_theme(self, theme: Any) -> None:
        super().set_theme(theme)
        self.board.set_theme(theme)
        self._dress()
        self._shape = ""
        self._refresh()

    # --- what is shown --------------------------------------------------------------------

    def show_moment(self, moment: Any) -> None:
        self.moment = moment  # its widgets paint themselves when they change
        ask = asked(self.bridge, moment)
        if ask is not self.ask:
            self.ask = ask
            self._forget_trial()
        self.board.show_moment(moment)
        self._refresh()

    def leaf(self) -> Leaf:
        """The chosen leaf, else the one that is held, else that of the last call."""
        name = self.picker.currentData()
        if name == RAW:
            return leaf_walk.unknown(self._raw_number(), self._side())
        if not name:
            held = self.held()
            number = self._call("")
            last = self.bridge.session.events[number] if number is not None else None
            name = held.name if held is not None else last.name if last is not None else FIRST
        return BY_NAME.get(name, BY_NAME[FIRST])

    def _side(self) -> str:
        """Who can make a call on the chosen processor."""
        modes = self.ask.modes() if self.ask else ()
        return "guest" if modes[self.lp.currentIndex() :][:1] == ("td",) else "host"

    def _raw_number(self) -> int:
        """The leaf number in RAX as typed; 0 until it is a number."""
        value = next((f.value for f in self.form.fields if f.operand.register == "RAX"), 0)
        return value & 0xFFFF if isinstance(value, int) else 0

    def held(self) -> SeamcallHeld | None:
        """The call that the chosen processor (or any) is still in, as its event told."""
        module = self.ask.machine.module if self.ask else None
        if module is None or not module.inside:
            return None
        self._call("")
        number = self._calls.held(self.moment.index)
        event = self.bridge.session.events[number] if number is not None else None
        return event if event is not None and event.lp in module.inside else None

    def _call(self, name: str) -> int | None:
        """Number of the last completed call (of this leaf) by now."""
        events = self.bridge.session.events
        if self._calls_of is not events:
            self._calls, self._calls_of = leaf_answer.Calls(), events
        self._calls.grow(events)
        return self._calls.last(self.moment.index, name)

    def shown_call(self) -> tuple[LeafReturned | SeamcallHeld | None, int | None, str]:
        """The answer to show, its number on the timeline, and a remark."""
        leaf = self.leaf()
        if isinstance(self.trial, LeafReturned):
            return self.trial, None, TRIED
        if isinstance(self.trial, SeamcallHeld):
            return self.trial, None, TICKED
        held = self.held()
        if held is not None and held.name == leaf.name and not self.trial:
            return held, None, f"Held on LP{held.lp}. Proceed lets it go on."
        remark = self.trial if isinstance(self.trial, str) else ""
        number = self._call(leaf.name)
        if number is None and not self.picker.currentData():
            return None, None, remark or NO_CALL
        if number is None:
            if not leaf_answer.modelled(leaf):
                remark = remark or "Not modelled yet: the table knows it, tdxviz refuses it and says so."
            return None, None, remark or "Not called by now. Issue it, or try it on a copy."
        return self.bridge.session.events[number], number, remark

    def _refresh(self) -> None:
        if self.moment is None or self.ask is None:
            return
        raw = self.picker.currentData() == RAW
        shape = RAW if raw else self.leaf().name
        if shape != self._shape:
            self._shape = shape
            operands = leaf_operands.raw_operands() if raw else leaf_operands.operands(self.leaf())
            self.form.show_operands(operands, self.theme)
            self.version.setVisible(not raw and len(leaf_answer.versions(self.leaf())) > 1)
            self._processors()
            self.do_fill()
        leaf = self.leaf()
        ready = raw or leaf.side == "host" or self._side() == "guest"
        for widget in (self.issue, self.try_, self.tick, self.hold):
            widget.setEnabled(ready)
        self.proceed.setEnabled(self._at_end or self.held() is not None)
        self.issue.setToolTip(ISSUE[leaf.side])
        self.told.setText("" if ready else NO_GUEST)
        self.told.setVisible(not ready)
        self._explain()
        self.board.show_call(leaf, *self.shown_call(), at_end=self._ends())

    def _processors(self) -> None:
        """Offer every processor; stand on one that can make this call."""
        modes = self.ask.modes() if self.ask else ()
        if self.lp.count() != len(modes):
            self.lp.clear()
            self.lp.addItems([f"LP{n}" for n in range(len(modes))])
        wanted = "td" if self.leaf().side == "guest" else "host"
        if modes[max(self.lp.currentIndex(), 0)] != wanted or self.lp.currentIndex() < 0:
            self.lp.setCurrentIndex(next((n for n, mode in enumerate(modes) if mode == wanted), 0))

    def _explain(self) -> None:
        """Say under each field what its value is."""
        for field in self.form.fields:
            value = field.value
            if isinstance(value, str):
                field.tell(value, self.theme.bad, self.theme)
            elif self.ask is not None:
                field.tell(
                    leaf_operands.meaning(self.ask, field.operand, value), self.theme.secondary, self.theme
                )

    def describe(self) -> str:
        if self.moment is None:
            return self.title
        call, _, remark = self.shown_call()
        fields = [f"{f.operand.register} = {f.line.text()}" for f in self.form.fields]
        given = f" Operands: {', '.join(fields)}." if fields else ""
        return f"{leaf_answer.describe(self.leaf(), call)}{given} {remark}".strip()

    # --- doing ----------------------------------------------------------------------------

    def _chosen(self) -> None:
        self._forget_trial()
        self._refresh()

    def _edited(self) -> None:
        self._forget_trial()
        self._refresh()

    def do_fill(self) -> None:
        """Values from the present machine."""
        if self.ask is not None and self.moment is not None and self.picker.currentData() == RAW:
            self.form.fill({})
            self._explain()
        elif self.ask is not None and self.moment is not None:
            place = links.place(self.moment, self.ask, self.bridge.session.events)
            self.form.fill(leaf_operands.defaults(self.ask, self.leaf(), place))
            self._explain()

    def command(self) -> c.Seamcall | c.Tdcall | None:
        """The SEAMCALL or TDCALL as typed; None (and a word at the field) if a number is wrong."""
        leaf, values = self.leaf(), {}
        for field in self.form.fields:
            value = field.value
            if isinstance(value, str):
                self.told.setText(f"{field.operand.register}: {value}")
                self.told.show()
                field.line.setFocus(Qt.FocusReason.OtherFocusReason)
                return None
            values[field.operand.register.lower()] = value
        version = self.version.currentIndex() if len(leaf_answer.versions(leaf)) > 1 else 0
        values.setdefault("rax", leaf.number | version << 16)
        kind = c.Seamcall if leaf.side == "host" else c.Tdcall
        return kind(lp=max(self.lp.currentIndex(), 0), **values)

    def _make(self, command: c.Command) -> None:
        """The command becomes part of the script, as every action of a person."""
        self._forget_trial()
        self.bridge.act(Action("command", {"command": msgspec.to_builtins(command)}))

    def do_issue(self) -> None:
        command = self.command()
        if command is not None:
            self._make(command)

    def do_try(self) -> None:
        """Ask a copy; the moment's machine is only read."""
        command = self.command()
        if command is not None:
            self.trial = leaf_walk.outcome(self.moment.machine, command)
            self._refresh()

    def _forget_trial(self) -> None:
        self.trial, self._at_end = None, False

    def ticked(self) -> int:
        """How many checks were ticked on a copy so far."""
        return self.trial.passed if isinstance(self.trial, SeamcallHeld) else 0

    def _ends(self) -> bool:
        """Whether the call shown stands before its effects: ticked through, or held that far."""
        held = self.held()
        if self.trial is not None or held is None:
            return self._at_end
        regs = self.ask.machine.module.inside[held.lp].regs if self.ask else ()
        kind = c.Seamcall if self.leaf().side == "host" else c.Tdcall
        twin = self.moment.machine.copy()
        twin.module.inside.pop(held.lp)
        return leaf_walk.at_end(twin, kind(lp=held.lp, **dict(regs)), held)

    def do_tick(self) -> None:
        """One check more; after the last one, or a refusal, from the first again."""
        command = self.command()
        if command is None:
            return
        machine, wanted = self.moment.machine, 1 if self._at_end else self.ticked() + 1
        self.trial = leaf_walk.after(machine, command, wanted)
        held = self.trial if isinstance(self.trial, SeamcallHeld) else None
        self._at_end = held is not None and leaf_walk.at_end(machine, command, held)
        self._refresh()

    def do_hold(self) -> None:
        """The real call stays inside the module; another processor now finds its locks."""
        command = self.command()
        if command is not None:
            self._make(msgspec.structs.replace(command, hold=self.ticked() or leaf_walk.ALL))

    def do_proceed(self) -> None:
        """The held call goes on; else the call whose checks were ticked is made."""
        held = self.held()
        if held is not None:
            self._make(c.Proceed(lp=held.lp))
        else:
            self.do_issue()
