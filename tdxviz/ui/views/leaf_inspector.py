"""The leaf inspector: choose a leaf, fill in its operands, see its checks tick, issue it."""

from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout

from tdxviz.core import commands as c
from tdxviz.core.arch.leaves import BY_NAME, Leaf
from tdxviz.core.events import CommandRefused, LeafReturned, SeamcallFailed, TdEntered
from tdxviz.session.actions import Action
from tdxviz.ui.panel import Panel
from tdxviz.ui.present import leaf_answer, leaf_operands, links
from tdxviz.ui.present.questions import Questions, asked
from tdxviz.ui.views.leaf_checks import LeafChecks
from tdxviz.ui.views.leaf_form import LeafForm, LeafPicker, button

FIRST = "TDH.MEM.PAGE.AUG"
"""Shown while nothing was called yet."""
ISSUE = {
    "host": "The host makes this SEAMCALL now; it becomes part of the script",
    "guest": "The vCPU that runs there makes this TDCALL now; it becomes part of the script",
}
TRIED = "Tried on a copy of the machine: nothing has changed."
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
        self._leaf: Leaf | None = None
        self.head, self.told = QLabel(self.title), QLabel("")
        self.picker = LeafPicker()
        self.picker.currentIndexChanged.connect(lambda _: self._chosen())
        self.version, self.lp = QComboBox(), QComboBox()
        self.version.addItems(["v0", "v1"])
        self.form = LeafForm(self._edited)
        self.board = LeafChecks(bridge, theme)
        self.issue = button("Issue", "issue", ISSUE["host"], self.do_issue)
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
        first, last = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.head)
        first.addWidget(self.picker, 1)
        for widget in (self.version, self.lp):
            first.addWidget(widget)
        for widget in (self.issue, self.try_, self.refill):
            last.addWidget(widget)
        last.addWidget(self.told, 1)
        self.box = QVBoxLayout(self)
        self.box.addLayout(first)
        self.box.addWidget(self.form)
        self.box.addLayout(last)
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
        self._leaf = None
        self._refresh()

    # --- what is shown --------------------------------------------------------------------

    def show_moment(self, moment: Any) -> None:
        self.moment = moment  # its widgets paint themselves when they change
        ask = asked(self.bridge, moment)
        if ask is not self.ask:
            self.ask, self.trial = ask, None
        self.board.show_moment(moment)
        self._refresh()

    def leaf(self) -> Leaf:
        """The chosen leaf, else that of the last call."""
        name = self.picker.currentData()
        if not name:
            number = self._call("")
            name = self.bridge.session.events[number].name if number is not None else FIRST
        return BY_NAME.get(name, BY_NAME[FIRST])

    def _call(self, name: str) -> int | None:
        """Number of the last completed call (of this leaf) by now."""
        events = self.bridge.session.events
        if self._calls_of is not events:
            self._calls, self._calls_of = leaf_answer.Calls(), events
        self._calls.grow(events)
        return self._calls.last(self.moment.index, name)

    def shown_call(self) -> tuple[LeafReturned | None, int | None, str]:
        """The answer to show, its number on the timeline, and a remark."""
        leaf = self.leaf()
        if isinstance(self.trial, LeafReturned):
            return self.trial, None, TRIED
        remark = self.trial if isinstance(self.trial, str) else ""
        number = self._call(leaf.name)
        if number is None:
            if not leaf_answer.modelled(leaf):
                remark = remark or "Not modelled yet: the table knows it, tdxviz refuses it and says so."
            return None, None, remark or "Not called by now. Issue it, or try it on a copy."
        return self.bridge.session.events[number], number, remark

    def _refresh(self) -> None:
        if self.moment is None or self.ask is None:
            return
        leaf = self.leaf()
        if leaf is not self._leaf:
            self._leaf = leaf
            self.form.show_leaf(leaf, self.theme)
            self.version.setVisible(len(leaf_answer.versions(leaf)) > 1)
            self._processors()
            self.do_fill()
        modes = self.ask.modes()
        ready = leaf.side == "host" or "td" in modes[max(self.lp.currentIndex(), 0) :][:1]
        for widget in (self.issue, self.try_):
            widget.setEnabled(ready)
        self.issue.setToolTip(ISSUE[leaf.side])
        self.told.setText("" if ready else NO_GUEST)
        self._explain()
        self.board.show_call(leaf, *self.shown_call())

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
        self.trial = None
        self._refresh()

    def _edited(self) -> None:
        self.trial = None
        self._refresh()

    def do_fill(self) -> None:
        """Values from the present machine."""
        if self.ask is not None and self.moment is not None:
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
                field.line.setFocus(Qt.FocusReason.OtherFocusReason)
                return None
            values[field.operand.register.lower()] = value
        version = self.version.currentIndex() if len(leaf_answer.versions(leaf)) > 1 else 0
        kind = c.Seamcall if leaf.side == "host" else c.Tdcall
        return kind(rax=leaf.number | version << 16, lp=max(self.lp.currentIndex(), 0), **values)

    def do_issue(self) -> None:
        """The call becomes part of the script, as every action of a person."""
        import msgspec

        command = self.command()
        if command is not None:
            self.trial = None
            self.bridge.act(Action("command", {"command": msgspec.to_builtins(command)}))

    def do_try(self) -> None:
        """Ask a copy; the moment's machine is only read."""
        command = self.command()
        if command is not None:
            self.trial = trial(self.moment.machine, command)
            self._refresh()


def trial(machine: Any, command: c.Seamcall | c.Tdcall) -> LeafReturned | str:
    """What a copy of the machine answers to the command; in words where no leaf completes."""
    if machine.frozen:
        return "Between two micro-operations of a command: go to its end, then try."
    for event in machine.copy().do(command):
        if isinstance(event, LeafReturned):
            return event
        if isinstance(event, CommandRefused):
            return f"Refused: {event.reason}."
        if isinstance(event, SeamcallFailed):
            return f"SEAMCALL itself fails here: {event.how}."
        if isinstance(event, TdEntered):
            return f"It would enter {event.td}; the call completes at the next TD exit. Nothing has changed."
    return "The copy gave no answer."
