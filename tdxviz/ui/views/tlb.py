"""What one processor remembers of translations, and the epoch that says whether all are fresh."""

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF

from tdxviz.ui.present import links
from tdxviz.ui.present import tlb as present
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, LEFT, Brush
from tdxviz.ui.views.tlb_epochs import clock, paint_epochs

COLUMNS = (
    ("V", 2, "Valid: the entry may be used."),
    ("TD / vCPU", 7, "Whose translation it is: entries are tagged, another guest cannot use them."),
    ("GPA → HPA", 14, "Page numbers: guest-physical to host-physical."),
    ("rwx", 4, "What the access may be: read, write, execute."),
    ("epoch", 6, "The TD's epoch when the translation was made."),
    ("state", 9, "Whether the tables in memory still say the same."),
)
"""Heading, width in digits, tooltip."""
DROPPED = (("epoch",), ("epoch", "V"), ("epoch", "V", "rwx"))
"""Columns that go first in a narrow panel."""


class TlbPanel(Board):
    """Click a row to choose its page; click a processor to see its entries."""

    name = "tlb"
    title = "TLB"
    key = "T"
    tooltip = (
        "Translations that a processor keeps. Changing the tables does not change these: they must be flushed"
    )

    def forget(self) -> None:
        self._rows: tuple[present.Row, ...] | None = None

    lp: int | None = None
    """The processor chosen by hand; None follows the guest."""

    def processor(self) -> int:
        """Whose entries are shown."""
        return self.lp if self.lp is not None else present.busiest(self.ask)

    def rows(self) -> tuple[present.Row, ...]:
        if self._rows is None:
            self._rows = present.rows(self.ask, self.processor(), links.latest(self.moment))
        return self._rows

    def heading(self) -> tuple[str, str]:
        lp = self.processor()
        count = len(self.rows())
        who = present.processors(self.ask)[lp].who
        return f"TLB of LP{lp}", f"{who} runs here · {count} translation{'s' if count != 1 else ''}"

    def describe(self) -> str:
        return (
            present.describe(self.ask, self.processor(), self.rows())
            if self.moment is not None
            else self.title
        )

    def _choose(self, lp: int) -> Callable[[], None]:
        def act() -> None:
            self.lp, self._rows, self.scrolled = lp, None, 0.0
            self.update()

        return act

    def shown(self) -> object:
        return self.processor(), self.rows(), present.processors(self.ask), present.epochs(self.ask)

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u = brush.u
        line = brush.font(True, 12)[1].height()
        chips, top = self._processors(brush, area, line)
        room = QRectF(area.left(), top, area.width(), line)
        top = paint_epochs(brush, room, present.epochs(self.ask), chips, self.hit) + 4 * u
        columns = self._columns(brush, area)
        head = QRectF(area.left(), top, area.width(), line + 2 * u)
        for (name, _, tip), x, width in columns:
            rect = QRectF(x, head.top(), width, head.height())
            brush.text(rect, name, "secondary", size=11)
            self.hit(rect, None, tip)
        y, pitch = head.bottom(), line + 8 * u
        brush.p.fillRect(QRectF(area.left(), y, area.width(), u), brush.color("rule"))
        for row in self.rows():
            self._row(brush, QRectF(area.left(), y + u, area.width(), pitch - u), row, columns)
            y += pitch
        if not self.rows():
            rect = QRectF(area.left(), y, area.width(), pitch * 1.4)
            brush.text(rect, "No translation: nothing has run here, or all was flushed.", "secondary")
            y = rect.bottom()
        return self._foot(brush, QRectF(area.left(), y + 3 * u, area.width(), line)) - area.top()

    def _processors(self, brush: Brush, area: QRectF, line: float) -> tuple[dict[int, QRectF], float]:
        """One chip a processor; the shown one is filled. Where each lies, and the y below them."""
        u, chips = brush.u, dict[int, QRectF]()
        x, y = area.left(), area.top() + 2 * u
        for one in present.processors(self.ask):
            words = f"LP{one.lp} {one.who} {one.count}"
            width = brush.width(words, size=12) + 14 * u
            if x + width > area.right() and x > area.left():
                x, y = area.left(), y + line + 8 * u
            rect = QRectF(x, y, min(width, area.width()), line + 5 * u)
            here = one.lp == self.processor()
            fill = brush.tint(one.owner, 0.28) if here else brush.color("panel")
            brush.frame(rect, fill, brush.color("edge" if here else "rule"), (1.8 if here else 1) * u, 4 * u)
            brush.text(rect, words, size=12, bold=False, align=CENTRE)
            tip = f"Logical processor {one.lp} runs {one.who} and holds {one.count} translations. Click: show them."
            self.hit(rect, self._choose(one.lp), tip)
            chips[one.lp] = rect
            x += width + 5 * u
        return chips, y + line + 6 * u

    def _columns(self, brush: Brush, area: QRectF) -> list[tuple[tuple[str, int, str], float, float]]:
        """Column, x and width; the least important go when there is no room."""
        digit, pad = brush.width("0", True, 12), 8 * brush.u
        kept, natural = list(COLUMNS), 0.0
        for dropped in ((), *DROPPED):
            kept = [column for column in COLUMNS if column[0] not in dropped]
            natural = sum(column[1] * digit + pad for column in kept)
            if natural <= area.width() or dropped == DROPPED[-1]:
                break
        spare = max(min((area.width() - natural) / len(kept), 40 * brush.u), -digit)
        placed, x = [], area.left()
        for column in kept:
            width = column[1] * digit + pad + spare
            placed.append((column, x, width))
            x += width
        return placed

    def _row(
        self, brush: Brush, rect: QRectF, row: present.Row,
        columns: list[tuple[tuple[str, int, str], float, float]],
    ) -> None:  # fmt: skip
        u = brush.u
        if row.fresh:
            brush.p.fillRect(rect, brush.color("note"))
        brush.p.fillRect(QRectF(rect.left(), rect.bottom(), rect.width(), u), brush.tint("rule", 0.5))
        texts = {
            "V": "1" if row.valid else "0", "GPA → HPA": row.way, "rwx": row.perms, "epoch": row.epoch,
        }  # fmt: skip
        for (name, _, _), x, width in columns:
            cell = QRectF(x, rect.top(), width - 4 * u, rect.height())
            if name == "TD / vCPU":
                self._owner(brush, cell, row)
            elif name == "state":
                self._state(brush, cell, row)
            else:
                brush.text(cell, texts[name], mono=True, size=12, align=LEFT)
        self.hit(rect, _focus(row), row.tooltip)
        self.link(
            rect.adjusted(u, u, -u, -u), lambda f: links.on_page(f, row.hpa) or links.on_gpa(f, row.gpa)
        )

    def _owner(self, brush: Brush, cell: QRectF, row: present.Row) -> None:
        u = brush.u
        side = min(cell.height() - 4 * u, 17 * u)
        chip = QRectF(cell.left(), cell.center().y() - side / 2, side, side)
        brush.frame(chip, brush.color(row.owner), brush.color("edge"), u, 3 * u)
        brush.text(chip, row.letter, brush.ink(row.owner), mono=True, size=11, bold=True, align=CENTRE)
        brush.text(cell.adjusted(side + 6 * u, 0, 0, 0), row.who, mono=True, size=12)

    def _state(self, brush: Brush, cell: QRectF, row: present.Row) -> None:
        """``ok`` quiet; ``stale`` with a clock that cannot be missed."""
        u = brush.u
        if row.state == "ok":
            brush.text(cell, "ok · new" if row.fresh else "ok", "good", mono=True, size=12)
            return
        clock(brush, QPointF(cell.left() + 7 * u, cell.center().y()))
        brush.text(cell.adjusted(17 * u, 0, 0, 0), row.state, "bad", mono=True, size=12, bold=True)

    def _foot(self, brush: Brush, at: QRectF) -> float:
        """What the last step flushed. The y below."""
        note = present.flushed(links.latest(self.moment))
        if note:
            brush.text(at, note, "warn", size=12, bold=True)
        return at.bottom() if note else at.top()


def _focus(row: present.Row) -> object:
    from tdxviz.session.moment import Focus

    return Focus(hpa=row.hpa, gpa=row.gpa)
