"""One cache line: the same 64 bytes through all eyes, one below the other, and the metadata."""

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPen

from tdxviz.core.units import LINE, Hpa, line_of, page_of
from tdxviz.ui.present import line as present
from tdxviz.ui.present.hexes import spaced
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.line_metadata import metadata_height, paint_metadata
from tdxviz.ui.views.stage_brush import CENTRE, Brush

GROUP = 8


class Grid:
    """Where 64 byte cells go: ``per_row`` columns of text ``size``, a gap after each eight."""

    def __init__(self, brush: Brush, width: float, size: int = 12) -> None:
        u = self.unit = brush.u
        self.size = size
        digit = brush.width("0", True, size)
        for self.per_row in (64, 32, 16, 8):
            groups = self.per_row // GROUP
            self.gap = 6 * u if groups > 1 else 0.0
            self.step = 2 * digit + 5 * u
            self.fits = self.per_row * self.step + (groups - 1) * self.gap <= width
            if self.fits:
                break
            tight = (width - (groups - 1) * self.gap * 0.5) / self.per_row
            if self.per_row <= 16 and tight >= 2 * digit + 1.5 * u:
                self.step, self.gap = tight, self.gap * 0.5
                break
        self.pitch = brush.font(True, size)[1].height() + 2 * u

    def at(self, left: float, top: float, index: int) -> QRectF:
        """The cell of one byte."""
        row, column = divmod(index, self.per_row)
        x = left + column * self.step + column // GROUP * self.gap
        return QRectF(x, top + row * self.pitch, self.step, self.pitch)

    def rows(self, row: present.Row, *, collapse: bool) -> int:
        """Text rows that an actor's bytes take."""
        return 1 if collapse and row.uniform else -(-LINE // self.per_row)

    @property
    def width(self) -> float:
        return self.per_row * self.step + (self.per_row // GROUP - 1) * self.gap


class LinePanel(Board):
    """Nothing here decides who sees what: every byte comes from ``observe``."""

    name = "line"
    title = "Cache line"
    key = "L"
    tooltip = "64 bytes as the guest, the host, a device and the memory chips have them"

    def forget(self) -> None:
        self._shown: dict[Hpa, present.LinePicture] = {}

    def shown_place(self) -> tuple[Hpa, bool]:
        """The line in question; or, as a preview, the one hovered in the same page elsewhere."""
        here, hover = self.place(), self.moment.hover
        hovered = hover.hpa if hover is not None else None
        preview = (
            hovered is not None
            and page_of(hovered) == page_of(here)
            and line_of(hovered) != here
            and not self.underMouse()
        )
        return (line_of(hovered), True) if preview and hovered is not None else (here, False)

    def picture(self, hpa: Hpa) -> present.LinePicture:
        if hpa not in self._shown:
            self._shown[hpa] = present.line_picture(self.ask, hpa, self.events, self.moment.index)
        return self._shown[hpa]

    def heading(self) -> tuple[str, str]:
        hpa, preview = self.shown_place()
        picture = self.picture(hpa)
        words = f"preview · {picture.detail}" if preview else picture.detail
        return f"Line {spaced(hpa)}", words

    def describe(self) -> str:
        return present.describe(self.picture(self.place())) if self.moment is not None else self.title

    def shown(self) -> object:
        place = self.shown_place()
        return place, self.picture(place[0])

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u = brush.u
        picture = self.picture(self.shown_place()[0])
        head = Grid(brush, 0).pitch
        foot = metadata_height(brush, area.width(), picture, head)
        grid = self._largest(brush, area, picture, foot)
        collapse = self._needs(grid, picture, head, collapse=False) + foot > area.height()
        spare = area.height() - foot - self._needs(grid, picture, head, collapse=collapse)
        space = min(max(spare / (len(picture.rows) + 1), 0.0), 12 * u)
        y = area.top()
        for row in picture.rows:
            y = self._eyes(brush, QRectF(area.left(), y, area.width(), 0), grid, row, collapse=collapse)
            y += 3 * u + space
        y = paint_metadata(self, brush, QRectF(area.left(), y, area.width(), 0), picture, head)
        return y - area.top()

    def _largest(self, brush: Brush, area: QRectF, picture: present.LinePicture, foot: float) -> Grid:
        """The largest text with which the bytes still fit, in as few rows as at the usual size."""
        usual = Grid(brush, area.width() - 10 * brush.u)
        for size in (16, 15, 14, 13):
            grid = Grid(brush, area.width() - 10 * brush.u, size)
            if not grid.fits or grid.per_row != usual.per_row:
                continue
            if self._needs(grid, picture, usual.pitch, collapse=False) + foot <= area.height():
                return grid
        return usual

    @staticmethod
    def _needs(grid: Grid, picture: present.LinePicture, head: float, *, collapse: bool) -> float:
        return sum(
            head + 3 * grid.unit + grid.rows(row, collapse=collapse) * grid.pitch for row in picture.rows
        )

    def _eyes(self, brush: Brush, at: QRectF, grid: Grid, row: present.Row, *, collapse: bool) -> float:
        """One actor: who, the result, the reason; under it the bytes. The y below them."""
        u = brush.u
        rows = grid.rows(row, collapse=collapse)
        line = brush.font(False, 12)[1].height() + 2 * u
        band = QRectF(at.left(), at.top() + 2 * u, 4 * u, rows * grid.pitch + line - 3 * u)
        brush.p.fillRect(band, brush.color("rule" if row.owner == "free" else row.owner))
        left = at.left() + 10 * u
        head = QRectF(left, at.top(), at.right() - left, line)
        self._who(brush, head, row)
        top = head.bottom()
        if rows == 1 and grid.per_row < LINE:
            self._alike(brush, QRectF(left, top, at.right() - left, grid.pitch), grid, row)
        else:
            for index in range(LINE):
                self._byte(brush, grid, grid.at(left, top, index), row, index)
        bottom = top + rows * grid.pitch
        words = f"{row.title}: {row.mark or row.kind}. {row.reason}."
        whole = QRectF(at.left(), at.top(), at.width(), bottom - at.top())
        self.hit(whole, None, "\n".join(w for w in (words, row.text, row.why_marked) if w))
        return bottom

    def _who(self, brush: Brush, head: QRectF, row: present.Row) -> None:
        u = brush.u
        used = brush.text(head, row.title, size=12, bold=True) + 10 * u
        if row.mark:
            rest = head.adjusted(used, 0, 0, 0)
            used += brush.text(rest, row.mark, row.tone, size=12, bold=True) + 10 * u
        words = " · ".join(w for w in (row.text, row.reason, row.why_marked) if w)
        rest = head.adjusted(used, 0, 0, 0)
        if rest.width() > 30 * u:
            brush.text(rest, words, "secondary", size=12)

    def _alike(self, brush: Brush, rect: QRectF, grid: Grid, row: present.Row) -> None:
        """All bytes are the same: one row of them and the count."""
        for index in range(min(grid.per_row, 16)):
            self._byte(brush, grid, grid.at(rect.left(), rect.top(), index), row, index)
        words = f"× {LINE // grid.per_row} rows, all alike"
        rest = QRectF(rect.left() + grid.width + 10 * brush.u, rect.top(), 0, rect.height())
        rest.setRight(rect.right())
        if rest.width() > brush.width(words, size=11):
            brush.text(rest, words, "secondary", size=11)

    def _byte(self, brush: Brush, grid: Grid, cell: QRectF, row: present.Row, index: int) -> None:
        u = brush.u
        marked = index in row.marked
        if marked:
            brush.p.fillRect(cell.adjusted(u, 0.5 * u, -u, -0.5 * u), brush.color("note"))
            brush.p.setPen(QPen(brush.color("warn"), 1.6 * u))
            y = cell.bottom() - u
            brush.p.drawLine(QPointF(cell.left() + 2 * u, y), QPointF(cell.right() - 2 * u, y))
        quiet = row.data is None or row.kind in ("zeros", "refused")
        role = "bad" if row.kind == "poison" else "warn" if marked else "secondary" if quiet else "text"
        brush.text(cell.adjusted(-u, 0, u, 0), row.cell(index), role, mono=True, size=grid.size,
                   bold=marked, align=CENTRE)  # fmt: skip
