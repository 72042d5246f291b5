"""The way out of a guest: five stills to scrub, and a gate for each general register."""

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF

from tdxviz.ui.present import exit as present
from tdxviz.ui.present.vcpu import short
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, RIGHT, Brush

GATES = {"open": "bad", "shut": "good", "rewritten": "module", "host": "host"}
"""How a register passes -> colour role of its gate."""
SIGNS = {"open": "passes", "shut": "→ 0", "rewritten": "module", "host": "host's"}
STILL_HEIGHT, NARROW, TWO_COLUMNS = 74, 520, 840


class ExitPanel(Board):
    """Click a still to go there."""

    name = "exit"
    title = "TD exit"
    key = "X"
    tooltip = "From the guest to the host in five stills: what is saved, what is scrubbed, what the host gets"

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
        y = self._caption(brush, QRectF(area.left(), y, area.width(), 0), shown.caption)
        y = self._gates(brush, QRectF(area.left(), y, area.width(), 0), shown.gates)
        for words in shown.brooms:
            row = QRectF(area.left(), y, area.width(), brush.font(False, 12)[1].height())
            brush.text(row, f"swept at the next entry: {words}", "secondary")
            y = row.bottom()
        return y - area.top()

    def _stills(self, brush: Brush, area: QRectF, shown: present.ExitPicture) -> float:
        """Five numbered boxes side by side; in a narrow panel one below the other. The y below."""
        u, gap = brush.u, 8 * brush.u
        narrow = area.width() < NARROW * u
        line = brush.font(False, 12)[1].height()
        height = line + 10 * u if narrow else STILL_HEIGHT * u
        width = area.width() if narrow else (area.width() - 4 * gap) / 5
        for n, still in enumerate(shown.stills):
            left = area.left() if narrow else area.left() + n * (width + gap)
            top = area.top() + 4 * u + (n * (height + 4 * u) if narrow else 0)
            box = QRectF(left, top, width, height)
            self._still(brush, box, still, here=n == shown.active, flat=narrow)
            if not narrow and n:
                y = box.center().y()
                brush.arrow([QPointF(left - gap, y), QPointF(left, y)], brush.color("edge"), 1.6 * u)
        rows = 5 if narrow else 1
        return area.top() + 4 * u + rows * (height + 4 * u) + 2 * u

    def _still(self, brush: Brush, box: QRectF, still: present.Still, *, here: bool, flat: bool) -> None:
        u = brush.u
        fill = brush.tint(still.role, 0.28 if here else 0.10)
        edge = brush.color("selected" if here else still.role)
        brush.frame(box, fill, edge, (2.4 if here else 1.2) * u, 5 * u)
        centre = QPointF(box.left() + 13 * u, box.top() + 13 * u)
        brush.disc(centre, str(still.number), brush.color(still.role), brush.ink(still.role), 8 * u)
        line = brush.font(False, 12)[1].height()
        head = QRectF(box.left() + 26 * u, box.top() + 13 * u - line / 2, box.width() - 30 * u, line)
        used = brush.text(head, still.title, bold=True)
        self.hit(box, self._go(still.index), f"{still.number} {still.title}: {still.words} Click: go there.")
        if flat:
            brush.text(head.adjusted(used + 8 * u, 0, 0, 0), still.words)
            return
        body = QRectF(box.left() + 6 * u, box.top() + 26 * u, box.width() - 10 * u, line)
        brush.wrapped(body, still.words, lines=max(int((box.bottom() - body.top()) / line), 1))

    def _go(self, index: int) -> Callable[[], None]:
        return lambda: self.bridge.go_to(index)

    def _caption(self, brush: Brush, at: QRectF, words: str) -> float:
        u = brush.u
        line = brush.font(False, 12)[1].height()
        lines = 1 if brush.width(words) < at.width() - 12 * u else 2
        box = QRectF(at.left(), at.top(), at.width(), lines * line + 6 * u)
        brush.p.fillRect(box, brush.tint("accent", 0.12))
        brush.p.fillRect(QRectF(box.left(), box.top(), 3 * u, box.height()), brush.color("accent"))
        brush.wrapped(box.adjusted(8 * u, 3 * u, -4 * u, 0), words, lines=lines)
        return box.bottom() + 6 * u

    def _gates(self, brush: Brush, at: QRectF, gates: tuple[present.Gate, ...]) -> float:
        """Inside, gate, outside: one row a register, in one or two columns. The y below."""
        u = brush.u
        columns = 2 if at.width() >= TWO_COLUMNS * u else 1
        pitch = brush.font(True, 12)[1].height() + 5 * u
        gap = 18 * u
        width = (at.width() - (columns - 1) * gap) / columns
        rows = -(-len(gates) // columns)
        for n, gate in enumerate(gates):
            column, row = divmod(n, rows)
            rect = QRectF(at.left() + column * (width + gap), at.top() + row * pitch, width, pitch - 2 * u)
            self._gate(brush, rect, gate)
        return at.top() + rows * pitch + 4 * u

    def _gate(self, brush: Brush, rect: QRectF, gate: present.Gate) -> None:
        """A shut gate is a bar across the arrow, an open one lets it through."""
        u = brush.u
        name = 34 * u
        sign = brush.width("module", size=11) + 10 * u
        half = (rect.width() - name - sign) / 2
        brush.text(QRectF(rect.left(), rect.top(), name, rect.height()), gate.name, "secondary", mono=True)
        inside = QRectF(rect.left() + name, rect.top(), half - 4 * u, rect.height())
        role = "bad" if gate.leaks else "text"
        brush.text(inside, short(gate.inside), role, mono=True, bold=gate.leaks, align=RIGHT)
        middle = QRectF(inside.right() + 4 * u, rect.top() + u, sign, rect.height() - 2 * u)
        hue = GATES[gate.how]
        brush.frame(middle, brush.tint(hue, 0.22), brush.color(hue), 1.2 * u, 3 * u)
        brush.text(middle, SIGNS[gate.how], size=11, align=CENTRE)
        outside = QRectF(middle.right() + 6 * u, rect.top(), half - 6 * u, rect.height())
        quiet = gate.how == "shut"
        brush.text(outside, short(gate.outside), "secondary" if quiet else role, mono=True, bold=gate.leaks)
        self.hit(rect, None, gate.tooltip)
