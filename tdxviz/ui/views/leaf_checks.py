"""What a leaf answered and how far its checks came: painted below the operands of the inspector."""

from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPen

from tdxviz.core.arch.leaves import Leaf
from tdxviz.core.events import LeafReturned, SeamcallHeld
from tdxviz.session.moment import Focus
from tdxviz.ui.present import leaf_answer as present
from tdxviz.ui.present.leaf_answer import CheckRow
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, RIGHT, Brush, mix

ROLES = {"passed": "good", "failed": "bad", "next": "accent", "open": "secondary"}


class LeafChecks(Board):
    """Shows the call it is given: status, outputs, and the row's checks in order."""

    title = "Checks"

    def __init__(self, bridge: Any, theme: Any) -> None:
        self.leaf: Leaf | None = None
        self.call: LeafReturned | SeamcallHeld | None = None
        self.number: int | None = None
        """Number of the event on the timeline; None for a trial."""
        self.remark = ""
        self.at_end = self._seek = False
        """Whether a held call has no check left, and whether the check in question has still to be brought into sight."""
        super().__init__(bridge, theme)

    def show_call(
        self, leaf: Leaf, event: LeafReturned | SeamcallHeld | None, number: int | None, remark: str,
        *, at_end: bool = False,
    ) -> None:  # fmt: skip
        """``at_end``: a held call stands before its effects."""
        before = self.shown()
        if leaf is not self.leaf:
            self.scrolled = 0.0
        self.leaf, self.call, self.number, self.remark = leaf, event, number, remark
        self.at_end = at_end
        if self.shown() != before:
            self._seek = True
            self.update()

    def shown(self) -> Any:
        return (self.leaf, self.call, self.number, self.remark, self.at_end)

    def heading(self) -> tuple[str, str]:
        if self.leaf is None:
            return self.title, ""
        passed = f"{self.call.passed} of " if self.call else ""
        words = (
            f"{passed}{len(self.leaf.checks)} checks passed"
            if self.call
            else f"{len(self.leaf.checks)} checks"
        )
        return self.leaf.name, f"{words} · {self.leaf.purpose}"

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        if self.leaf is None:
            return 0.0
        u, y = brush.u, area.top() + brush.u
        line = brush.font(False, 12)[1].height()
        if self.remark:
            y = self._lines(brush, area, y, self.remark, "warn") + 2 * u
        if isinstance(self.call, LeafReturned):
            y = self._answer(brush, area, y, self.call) + 4 * u
        elif self.call is not None:
            y = self._inside(brush, area, y, self.call) + 4 * u
        for row in present.checks(self.leaf, self.call, at_end=self.at_end):
            top = y
            y = self._check(brush, QRectF(area.left(), y, area.width(), line + 5 * u), row)
            if row.mark in ("failed", "next"):
                self._bring(area, top, y + 2 * line)
        if not self.leaf.checks:
            y = self._lines(brush, area, y, "The table has no checks for this leaf.", "secondary")
        if self.leaf.op_states:
            y = self._lines(
                brush,
                area,
                y + 5 * u,
                f"Works in OP_STATE: {', '.join(sorted(self.leaf.op_states))}.",
                "secondary",
            )
        if self.leaf.source:
            words = f"Source: TDX module 1.5, {', '.join(self.leaf.source)}"
            y = self._lines(brush, area, y + 3 * u, words, "secondary")
        return y - area.top() + 5 * u

    def _bring(self, area: QRectF, top: float, bottom: float) -> None:
        """Scroll once so that the check in question can be seen."""
        if self._seek:
            self._seek = False
            below = bottom - area.top() - self.scrolled - area.height()
            above = top - area.top() - self.scrolled
            self._room, self._content = area.height(), max(self._content, bottom - area.top())
            self.scroll_by(below if below > 0 else min(above, 0))

    def _inside(self, brush: Brush, area: QRectF, y: float, event: SeamcallHeld) -> float:
        """A call that stays in the module: before which check, with which locks."""
        words = "before its effects: all checks passed" if self.at_end else f"after {event.passed} checks"
        y = self._lines(brush, area, y, f"Inside the module, {words}.", "accent")
        locks = ", ".join(event.locks) or "nothing"
        return self._lines(brush, area, y, f"It has locked: {locks}.", "secondary")

    def _lines(self, brush: Brush, area: QRectF, y: float, words: str, role: str) -> float:
        """Words over as many lines as they need; the y below."""
        line = brush.font(False, 12)[1].height()
        count = max(1, -(-int(brush.width(words, size=12) * 1.08) // max(int(area.width()), 1)))
        brush.wrapped(QRectF(area.left(), y, area.width(), line), words, role, size=12, lines=count)
        return y + count * line

    def _answer(self, brush: Brush, area: QRectF, y: float, event: LeafReturned) -> float:
        """The status on its colour, what it means, what came back in registers."""
        u, told = brush.u, present.answer(event)
        line = brush.font(True, 12)[1].height()
        role = "good" if told.good else "bad"
        width = min(brush.width(told.status, True, 12, True) + 16 * u, area.width())
        box = QRectF(area.left(), y, width, line + 6 * u)
        brush.frame(box, mix(self.theme.panel, brush.color(role), 0.22), brush.color(role), 1.6 * u, 4 * u)
        brush.text(box, told.status, mono=True, size=12, bold=True, align=CENTRE)
        target = None if self.number is None else Focus(event=self.number)
        self.hit(box, target, "\n".join(f"{name}: {words}" for name, words in told.bits))
        if target is not None:
            self.link(box, lambda f: f == target)
        rest = QRectF(box.right() + 8 * u, y, area.right() - box.right() - 8 * u, box.height())
        if rest.width() > brush.width(told.hex, True, 12):
            brush.text(rest, told.hex, "secondary", mono=True, size=12)
            y = box.bottom() + 2 * u
        else:
            y = box.bottom() + u
            brush.text(QRectF(area.left(), y, area.width(), line), told.hex, "secondary", mono=True, size=12)
            y += line + u
        y = self._bits(brush, area, y, told)
        y = self._lines(brush, area, y, told.sentence, "text" if told.good else "bad")
        for register, value, words in told.outputs:
            y += u
            used = brush.text(
                QRectF(area.left(), y, area.width(), line), f"{register} = {value}", mono=True, size=12
            )
            room = QRectF(area.left() + used + 10 * u, y, max(area.width() - used - 10 * u, 1), line)
            brush.text(room, words, "secondary", size=12)
            self.hit(QRectF(area.left(), y, area.width(), line), None, f"{register} = {value}\n{words}")
            y += line
        return y

    def _bits(self, brush: Brush, area: QRectF, y: float, told: present.Answer) -> float:
        """The parts of the status that say something, as small frames; the y below."""
        u, x = brush.u, area.left()
        high = brush.font(True, 11)[1].height() + 4 * u
        for name, words in told.bits:
            if (
                words.startswith("0")
                and "CLASS" not in name
                and "exit reason" not in name
                and "ERROR" not in name.split()[-1:]
            ):
                continue
            text = f"{name}: {words}"
            width = min(brush.width(text, size=11) + 12 * u, area.width())
            if x + width > area.right() and x > area.left():
                x, y = area.left(), y + high + 2 * u
            rect = QRectF(x, y, width, high)
            brush.frame(rect, brush.color("bg"), brush.color("rule"), u, 3 * u)
            brush.text(rect.adjusted(5 * u, 0, -5 * u, 0), text, "secondary", size=11)
            self.hit(rect, None, f"Status bits {text}")
            x += width + 4 * u
        return y + high + 2 * u

    def _check(self, brush: Brush, rect: QRectF, row: CheckRow) -> float:
        """One check with its mark; a failed one says why. The y below."""
        u, role = brush.u, ROLES[row.mark]
        if row.mark == "failed":
            brush.p.fillRect(rect, brush.tint("bad", 0.14))
        self._mark(brush, QPointF(rect.left() + 8 * u, rect.center().y()), row.mark)
        number = QRectF(rect.left() + 19 * u, rect.top(), 20 * u, rect.height())
        brush.text(number, str(row.number), "secondary", mono=True, size=11, align=RIGHT)
        text = rect.adjusted(46 * u, 0, 0, 0)
        wide = brush.width(row.text, size=12)
        status = QRectF(
            text.left() + wide + 14 * u, rect.top(), text.right() - text.left() - wide - 14 * u, rect.height()
        )
        words = "text" if row.mark != "open" else "secondary"
        brush.text(text, row.text, words, size=12, bold=row.mark in ("failed", "next"))
        if status.width() > 70 * u:
            brush.text(
                status,
                row.status,
                role if row.mark == "failed" else "secondary",
                mono=True,
                size=11,
                align=RIGHT,
            )
        fate = {
            "passed": "Passed.",
            "failed": f"Failed: {row.reason}.",
            "next": "It comes next.",
            "open": "Not reached in the call shown.",
        }[row.mark]
        source = ", ".join(self.leaf.source) if self.leaf else ""
        self.hit(
            rect, None, f"Check {row.number}: {row.text}\n{fate}\nIf it fails: {row.status}\nSource: {source}"
        )
        if row.mark != "failed":
            return rect.bottom()
        area = QRectF(text.left(), rect.bottom(), text.width(), rect.height())
        y = self._lines(brush, area, rect.bottom(), row.reason or "no reason was noted", "bad")
        return self._lines(brush, area, y, f"It answers {row.status} ({source})", "secondary") + 2 * u

    def _mark(self, brush: Brush, at: QPointF, mark: str) -> None:
        """A tick, a cross, or an empty ring."""
        u, p = brush.u, brush.p
        p.setBrush(Qt.BrushStyle.NoBrush)
        p.setPen(QPen(brush.color(ROLES[mark]), 2.2 * u))
        if mark == "passed":
            p.drawPolyline([at + QPointF(-5, 0) * u, at + QPointF(-1.5, 4) * u, at + QPointF(5, -4) * u])
        elif mark == "failed":
            p.drawLine(at + QPointF(-4, -4) * u, at + QPointF(4, 4) * u)
            p.drawLine(at + QPointF(-4, 4) * u, at + QPointF(4, -4) * u)
        elif mark == "next":
            p.drawPolyline([at + QPointF(-3, -5) * u, at + QPointF(3, 0) * u, at + QPointF(-3, 5) * u])
        else:
            p.setPen(QPen(brush.color("rule"), 1.4 * u))
            p.drawEllipse(at, 4 * u, 4 * u)
