"""One 4 KiB page as 64 cells of 64 bytes: owner, number, first bytes, and what is special."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent

from tdxviz.core.units import PAGE, Hpa
from tdxviz.ui.panel import Hit
from tdxviz.ui.present import links
from tdxviz.ui.present import memory as present
from tdxviz.ui.views import glyphs
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, Brush

SIDE = 8
LEGEND = ("changed", "poison", "pending", "clean", "dirty")
SHORT = {
    "changed": "changed", "poison": "poisoned", "pending": "pending", "clean": "cached", "dirty": "dirty",
}  # fmt: skip


class PagePanel(Board):
    """Click chooses a line; Enter or a double click opens it."""

    name = "page"
    title = "Page"
    key = "P"
    tooltip = "64 lines of 64 bytes; each has its own owner bit and, in the Ci world, its own MAC"

    def forget(self) -> None:
        self._shown: tuple[Hpa, present.PagePicture] | None = None

    def picture(self) -> present.PagePicture:
        """The page in question at the present moment."""
        page = self.place() & ~(PAGE - 1)
        if self._shown is None or self._shown[0] != page:
            touched = links.touched_lines(links.latest(self.moment))
            self._shown = page, present.page_picture(self.ask, page, touched)
        return self._shown[1]

    def heading(self) -> tuple[str, str]:
        picture = self.picture()
        return picture.title, picture.detail

    def describe(self) -> str:
        return present.describe_page(self.picture()) if self.moment is not None else self.title

    def shown(self) -> object:
        return self.picture()

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u = brush.u
        foot = 20 * u if area.height() > 190 * u else 0
        gap = 3 * u
        width = (area.width() + gap) / SIDE
        height = max((area.height() - foot + gap) / SIDE, 17 * u)
        for cell in self.picture().cells:
            row, column = divmod(cell.index, SIDE)
            rect = QRectF(area.left() + column * width, area.top() + row * height, width - gap, height - gap)
            self._cell(brush, rect, cell)
        if foot:
            self._legend(brush, QRectF(area.left(), area.top() + SIDE * height, area.width(), foot))
        return SIDE * height - gap + foot

    def _cell(self, brush: Brush, rect: QRectF, cell: present.Cell) -> None:
        u, p = brush.u, brush.p
        plain = cell.owner == "free"
        p.fillRect(rect, brush.color("bg") if plain else brush.tint(cell.owner, 0.26))
        band = min(15 * u, rect.width() * 0.28)
        strip = QRectF(rect.left(), rect.top(), band, rect.height())
        p.fillRect(strip, brush.color("rule" if plain else cell.owner))
        if band >= 9 * u:
            brush.text(strip, cell.letter or "·", brush.ink("rule" if plain else cell.owner), mono=True,
                       size=11, bold=True, align=CENTRE)  # fmt: skip
        inner = rect.adjusted(band + 5 * u, 1 * u, -3 * u, -1 * u)
        self._content_of(brush, inner, cell)
        self.hit(rect, _focus(cell.hpa), cell.tooltip)
        self.link(rect, lambda f, hpa=cell.hpa: links.on_line(f, hpa))

    def _content_of(self, brush: Brush, inner: QRectF, cell: present.Cell) -> None:
        """Number and badges in one row; the first bytes under it where there is room."""
        u = brush.u
        line = brush.font(True, 12)[1].height()
        tall = inner.height() >= line * 1.95 and inner.width() >= 42 * u
        head = QRectF(inner.left(), inner.top(), inner.width(), line if tall else inner.height())
        number = brush.width("00", True, 12)
        room = inner.width() - number
        size = min(12 * u, head.height() * 0.8, max(room - u, 8 * u))
        shown = cell.signs if room >= len(cell.signs) * (size + 2 * u) else cell.signs[:1]
        right = inner.right() - size / 2
        if room >= size + u:
            for name in shown:
                glyphs.sign(brush, name, QPointF(right, head.center().y()), size)
                right -= size + 2 * u
        bold = "changed" in cell.signs or "poison" in cell.signs
        if inner.width() >= number - 2 * u:
            brush.text(head, f"{cell.index:02d}", mono=True, size=12, bold=bold)
        if tall and cell.text:
            below = QRectF(inner.left(), head.bottom() - u, inner.width(), inner.bottom() - head.bottom() + u)
            words = cell.text if brush.width(cell.text, True, 11) <= inner.width() else _shorter(cell.text)
            brush.text(below, words, "bad" if cell.text == "??" else "secondary", mono=True, size=11)

    def _legend(self, brush: Brush, rect: QRectF) -> None:
        """What the badges mean, as many as there is room for."""
        u, x = brush.u, rect.left()
        for name in LEGEND:
            wide = brush.width(SHORT[name], size=11) + 18 * u
            if x + wide > rect.right():
                return
            glyphs.sign(brush, name, QPointF(x + 6 * u, rect.center().y() + u), 10 * u)
            brush.text(
                QRectF(x + 15 * u, rect.top() + u, wide, rect.height()), SHORT[name], "secondary", size=11
            )
            self.hit(QRectF(x, rect.top(), wide, rect.height()), None, glyphs.WORDS[name])
            x += wide + 8 * u

    # --- opening a line -------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        super().keyPressEvent(event)
        if enter:
            self.bridge.open_view("line")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        hit = self.hit_at(event.position())
        if hit is not None and hit.target is not None:
            self.activate(Hit(*hit))
            self.bridge.open_view("line")


def _shorter(text: str) -> str:
    """Half of a preview: four characters, or two bytes."""
    return text[:5] if len(text) > 8 else text[:4] + "…"


def _focus(hpa: Hpa) -> object:
    from tdxviz.session.moment import Focus

    return Focus(hpa=hpa)
