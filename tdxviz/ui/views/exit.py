"""The way out of a guest: five stills to scrub, and a gate for each general register."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QHideEvent, QKeyEvent

from tdxviz.ui.present import exit as present
from tdxviz.ui.present.vcpu import short
from tdxviz.ui.theme import Theme
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, RIGHT, Brush

GATES = {"open": "bad", "shut": "good", "rewritten": "module", "host": "host"}
"""How a register passes -> colour role of its gate."""
SIGNS = {"open": "passes", "shut": "→ 0", "rewritten": "module", "host": "host's"}
STILL_HEIGHT, NARROW, TWO_COLUMNS = 74, 520, 840
SHORT = {
    "runs in the TD": "guest", "runs in the VM": "guest", "the border": "border", "VM exit": "exit",
    "no scrub": "nothing", "host runs": "host",
}  # fmt: skip
"""Titles of stills for narrow boxes."""
STILL_MS = 1200
"""Time a still stays when played."""


class ExitPanel(Board):
    """Click a still to go there."""

    name = "exit"
    title = "TD exit"
    key = "X"
    tooltip = "From the guest to the host in five stills: what is saved, what is scrubbed, what the host gets"

    def __init__(self, bridge: Any, theme: Theme) -> None:
        super().__init__(bridge, theme)
        self._timer = QTimer(self)
        self._timer.setInterval(STILL_MS)
        self._timer.timeout.connect(self._next)

    def forget(self) -> None:
        self._shown: present.ExitPicture | None = None
        self._asked = False

    def picture(self) -> present.ExitPicture | None:
        if not self._asked:
            session = self.bridge.session
            self._shown = present.picture(self.events, self.moment.index, session.timeline.at)
            self._asked = True
        return self._shown

    def shown(self) -> object:
        return self.picture()

    def heading(self) -> tuple[str, str]:
        shown = self.picture()
        return self.title, shown.title if shown else "no guest has been left yet"

    # --- scrubbing ------------------------------------------------------------------------

    def scrub(self, step: int) -> None:
        """One still on or back; from elsewhere to the last, or to the first."""
        shown = self.picture()
        if shown is None:
            return
        last = len(shown.stills) - 1
        wanted = shown.active + step if shown.active >= 0 else 0 if step > 0 else last
        self.bridge.go_to(shown.stills[min(max(wanted, 0), last)].index)

    def play_or_pause(self) -> None:
        """From the first still if the exit is over."""
        if self._timer.isActive():
            self._timer.stop()
        else:
            shown = self.picture()
            if shown is not None and shown.active in (-1, len(shown.stills) - 1):
                self.bridge.go_to(shown.stills[0].index)
            self._timer.start()
        self.update()

    def _next(self) -> None:
        shown = self.picture()
        if shown is None or shown.active in (-1, len(shown.stills) - 1):
            self._timer.stop()
            self.update()
        else:
            self.scrub(1)

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            self.scrub(step)
            event.accept()
            return
        super().keyPressEvent(event)

    def describe(self) -> str:
        return present.describe(self.picture()) if self.moment is not None else self.title

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        shown = self.picture()
        if shown is None:
            words = (
                "Run the guest and let a timer fire, or let it call the host: its exit is taken apart here."
            )
            brush.wrapped(area.adjusted(0, 6 * brush.u, 0, 0), words, "secondary")
            return 3 * brush.font(False, 12)[1].height()
        y = self._stills(brush, area, shown)
        y = self._bar_row(brush, QRectF(area.left(), y, area.width(), 0), shown)
        words = shown.caption
        if shown.sealed and shown.active in (2, 3):
            words = shown.sealed.words if shown.active == 2 else f"{shown.caption} {shown.sealed.words}"
        y = self._caption(brush, QRectF(area.left(), y, area.width(), 0), words)
        y = self._gates(brush, QRectF(area.left(), y, area.width(), 0), shown)
        for words in shown.brooms:
            row = QRectF(area.left(), y, area.width(), brush.font(False, 12)[1].height())
            brush.text(row, f"swept at the next entry: {words}", "secondary")
            y = row.bottom()
        return y - area.top()

    def _stills(self, brush: Brush, area: QRectF, shown: present.ExitPicture) -> float:
        """Five numbered boxes side by side; a narrow panel has the words of the one on show alone below
        them. The y below."""
        u = brush.u
        narrow = area.width() < NARROW * u
        gap = (5 if narrow else 8) * u
        line = brush.font(False, 12)[1].height()
        height = line + 10 * u if narrow else STILL_HEIGHT * u
        width = (area.width() - 4 * gap) / 5
        for n, still in enumerate(shown.stills):
            left = area.left() + n * (width + gap)
            box = QRectF(left, area.top() + 4 * u, width, height)
            self._still(brush, box, still, here=n == shown.active, flat=narrow)
            if n:
                y = box.center().y()
                brush.arrow([QPointF(left - gap, y), QPointF(left, y)], brush.color("edge"), 1.6 * u)
        return area.top() + height + 8 * u

    def _bar_row(self, brush: Brush, at: QRectF, shown: present.ExitPicture) -> float:
        """Back, on, play, and the words of the still on show. The y below."""
        u = brush.u
        high = brush.font(False, 12)[1].height() + 6 * u
        x = at.left()
        for words, act, tip, wide in (
            ("◀", lambda: self.scrub(-1), "Still before (←)", 24),
            ("▶", lambda: self.scrub(1), "Next still (→)", 24),
            (
                "pause" if self._timer.isActive() else "play",
                self.play_or_pause,
                "Play this exit, or pause",
                46,
            ),
        ):
            rect = QRectF(x, at.top(), wide * u, high)
            brush.frame(rect, brush.theme.panel, brush.color("rule"), 1.2 * u, 4 * u)
            brush.text(rect, words, size=11, align=CENTRE)
            self.hit(rect, act, tip)
            x = rect.right() + 3 * u
        room = QRectF(x + 8 * u, at.top(), at.right() - x - 8 * u, high)
        if shown.active >= 0:
            still = shown.stills[shown.active]
            used = brush.text(room, f"{still.number} of 5", "secondary", size=11)
            if at.width() < NARROW * u:
                brush.text(room.adjusted(used + 8 * u, 0, 0, 0), still.words)
        return at.top() + high + 5 * u

    def _still(self, brush: Brush, box: QRectF, still: present.Still, *, here: bool, flat: bool) -> None:
        u = brush.u
        fill = brush.tint(still.role, 0.28 if here else 0.10)
        edge = brush.color("selected" if here else still.role)
        brush.frame(box, fill, edge, (2.4 if here else 1.2) * u, 5 * u)
        centre = QPointF(box.left() + 13 * u, box.top() + 13 * u)
        brush.disc(centre, str(still.number), brush.color(still.role), brush.ink(still.role), 8 * u)
        line = brush.font(False, 12)[1].height()
        head = QRectF(box.left() + 26 * u, box.top() + 13 * u - line / 2, box.width() - 30 * u, line)
        fits = brush.width(still.title, bold=True) <= head.width()
        brush.text(head, still.title if fits else SHORT.get(still.title, still.title), bold=True)
        self.hit(box, self._go(still.index), f"{still.number} {still.title}: {still.words} Click: go there.")
        if flat:
            return
        body = QRectF(box.left() + 6 * u, box.top() + 26 * u, box.width() - 10 * u, line)
        brush.wrapped(body, still.words, lines=max(int((box.bottom() - body.top()) / line), 1))

    def _go(self, index: int) -> Callable[[], None]:
        return lambda: self.bridge.go_to(index)

    def _caption(self, brush: Brush, at: QRectF, words: str) -> float:
        u = brush.u
        line = brush.font(False, 12)[1].height()
        lines = min(-(-int(brush.width(words) * 1.06) // max(int(at.width() - 12 * u), 1)), 4)
        box = QRectF(at.left(), at.top(), at.width(), lines * line + 6 * u)
        brush.p.fillRect(box, brush.tint("accent", 0.12))
        brush.p.fillRect(QRectF(box.left(), box.top(), 3 * u, box.height()), brush.color("accent"))
        brush.wrapped(box.adjusted(8 * u, 3 * u, -4 * u, 0), words, lines=lines)
        return box.bottom() + 6 * u

    def _gates(self, brush: Brush, at: QRectF, shown: present.ExitPicture) -> float:
        """Inside, gate, outside: one row a register, in one or two columns. The y below."""
        u, gates = brush.u, shown.gates
        columns = 2 if at.width() >= TWO_COLUMNS * u else 1
        pitch = brush.font(True, 12)[1].height() + 5 * u
        gap = 18 * u
        width = (at.width() - (columns - 1) * gap) / columns
        rows = -(-len(gates) // columns)
        for n, gate in enumerate(gates):
            column, row = divmod(n, rows)
            rect = QRectF(at.left() + column * (width + gap), at.top() + row * pitch, width, pitch - 2 * u)
            self._gate(brush, rect, gate, through=shown.is_through)
        return at.top() + rows * pitch + 4 * u

    def _gate(self, brush: Brush, rect: QRectF, gate: present.Gate, *, through: bool) -> None:
        """A shut gate is a bar across the arrow, an open one lets it through. Before the scrub nobody
        has come through yet: the outside is empty."""
        u = brush.u
        name = 34 * u
        sign = brush.width("module", size=11) + 10 * u
        half = (rect.width() - name - sign) / 2
        brush.text(QRectF(rect.left(), rect.top(), name, rect.height()), gate.name, "secondary", mono=True)
        inside = QRectF(rect.left() + name, rect.top(), half - 4 * u, rect.height())
        role = "bad" if gate.leaks and through else "text"
        brush.text(inside, short(gate.inside), role, mono=True, bold=role == "bad", align=RIGHT)
        middle = QRectF(inside.right() + 4 * u, rect.top() + u, sign, rect.height() - 2 * u)
        if not through:
            brush.frame(middle, brush.color("panel"), brush.color("rule"), 1.2 * u, 3 * u, dashed=True)
            self.hit(rect, None, f"{gate.name} in the guest {gate.inside:#x}. The border comes next.")
            return
        hue = GATES[gate.how]
        brush.frame(middle, brush.tint(hue, 0.22), brush.color(hue), 1.2 * u, 3 * u)
        brush.text(middle, SIGNS[gate.how], size=11, align=CENTRE)
        outside = QRectF(middle.right() + 6 * u, rect.top(), half - 6 * u, rect.height())
        quiet = gate.how == "shut"
        brush.text(outside, short(gate.outside), "secondary" if quiet else role, mono=True, bold=gate.leaks)
        self.hit(rect, None, gate.tooltip)
