"""All of physical memory, one cell a page: scrolled and zoomed, with overlays and a legend that filters."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QKeyEvent, QPen

from tdxviz.core.units import PAGE
from tdxviz.ui.present import links, map_grid
from tdxviz.ui.present import memory_map as present
from tdxviz.ui.present.hexes import spaced
from tdxviz.ui.present.map_events import Written
from tdxviz.ui.views import map_tiles
from tdxviz.ui.views.map_board import MapBoard
from tdxviz.ui.views.map_legend import legend_rows, paint_legend
from tdxviz.ui.views.stage_brush import CENTRE, RIGHT, Brush
from tdxviz.ui.views.tags import choices

NEXT = [overlay.name for overlay in present.OVERLAYS]


class MemoryMapPanel(MapBoard):
    """Click chooses a page, a double click opens it; the overlays say what the cells show."""

    name = "memory_map"
    title = "Memory map"
    key = "M"
    tooltip = (
        "One cell a 4 KiB page. Wheel or Page keys: scroll; Ctrl + wheel, + and −: zoom; 0: all of memory; "
        "O: next overlay; 1 to 9: filter; arrows (with Alt sideways) and Enter: choose a page"
    )

    def __init__(self, bridge: Any, theme: Any) -> None:
        self.overlay = "owner"
        self.chosen: frozenset[str] = frozenset()
        """Labels of the kinds that stand out; empty: all."""
        self._written, self._written_of = Written(), None
        self._last: dict[str, present.Layer] = {}
        self._images: dict[str, tuple[Any, QImage]] = {}
        super().__init__(bridge, theme)

    def forget(self) -> None:
        self._layers: dict[str, tuple[Any, present.Layer]] = {}

    # --- what is shown --------------------------------------------------------------------

    def shown(self) -> Any:
        return id(self.layer()), self.heading()

    def layer(self) -> present.Layer:
        """The overlay at the present moment; the same object as before while nothing changed."""
        known = self._layers.get(self.overlay)
        if known is None or known[0] is not self.moment.news:
            made = present.BY_NAME[self.overlay].make(self._scene())
            old = self._last.get(self.overlay)
            if old is not None and old.kinds == made.kinds and bool((old.codes == made.codes).all()):
                made = old
            self._last[self.overlay] = made
            self._layers[self.overlay] = (self.moment.news, made)
        return self._layers[self.overlay][1]

    def _scene(self) -> present.Scene:
        if self._written_of is not self.events:
            self._written, self._written_of = Written(), self.events
        self._written.grow(self.events)
        return present.Scene(self.ask, self._written, self.moment.index, links.latest(self.moment))

    def heading(self) -> tuple[str, str]:
        layer, here = self.layer(), self.place()
        page = here // PAGE
        word = layer.kinds[layer.codes[page]].label if page < len(layer.codes) else "no memory"
        return self.title, f"{len(layer.codes):,} pages · here {spaced(here & -PAGE)}: {word}"

    def describe(self) -> str:
        return (
            present.describe(self.ask, self.layer(), self.place()) if self.moment is not None else self.title
        )

    def page_words(self, page: int) -> str:
        return present.page_words(self.ask, self.layer(), page)

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(620)), int(self.theme.px(460)))

    def choose_overlay(self, name: str) -> None:
        self.overlay, self.chosen = name, frozenset()
        self.update()

    def toggle(self, label: str) -> None:
        """Let a kind stand out, or no longer."""
        self.chosen = self.chosen ^ {label}
        self.update()

    def kinds_shown(self) -> list[int]:
        """Codes of the kinds that are there, as the legend lists them."""
        return [code for code, count in enumerate(self.layer().counts) if count]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_O:
            self.choose_overlay(NEXT[(NEXT.index(self.overlay) + 1) % len(NEXT)])
        elif Qt.Key.Key_1 <= key <= Qt.Key.Key_9 and key - Qt.Key.Key_1 < len(self.kinds_shown()):
            self.toggle(self.layer().kinds[self.kinds_shown()[key - Qt.Key.Key_1]].label)
        else:
            super().keyPressEvent(event)

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u, layer = brush.u, self.layer()
        y = self._overlays(brush, area) + 5 * u
        rows = legend_rows(brush, area.width(), layer, self.kinds_shown())
        pitch = brush.font(False, 11)[1].height() + 7 * u
        rows = rows[: max(int((area.bottom() - y - 70 * u) // pitch), 0)]
        foot = pitch * len(rows)
        self.lay(
            QRectF(area.left(), y, area.width(), max(area.bottom() - y - foot - 3 * u, 8)), len(layer.codes)
        )
        self._addresses(brush)
        self._cells(brush, layer)
        self._strip(brush, layer)
        if rows:
            paint_legend(brush, QRectF(area.left(), area.bottom() - foot, area.width(), foot), rows, layer,
                         self.chosen, self._legend_hit)  # fmt: skip
        if layer.is_empty:
            box = QRectF(
                self.area_map.left(), self.area_map.center().y() - 14 * u, self.area_map.width(), 28 * u
            )
            brush.frame(box, brush.color("note"), brush.color("rule"), u, 4 * u)
            brush.text(box, present.BY_NAME[self.overlay].nothing, align=CENTRE)
        return area.height()

    def _overlays(self, brush: Brush, area: QRectF) -> float:
        """The overlays to choose from; the y below them."""
        row = [
            (one.title, one.name == self.overlay, lambda n=one.name: self.choose_overlay(n),
             f"{one.words}. Key O: the next one.")
            for one in present.OVERLAYS
        ]  # fmt: skip
        return choices(brush, area, row, self.hit)

    def _legend_hit(self, rect: QRectF, code: int) -> None:
        kind = self.layer().kinds[code]
        act: Callable[[], None] = lambda: self.toggle(kind.label)  # noqa: E731 because hits keep callables
        self.hit(rect, act, f"{kind.words}\n{self.layer().counts[code]:,} pages. Click: let them stand out.")

    def _addresses(self, brush: Brush) -> None:
        """The address of a row's first page, as many as can be read."""
        if not self.gutter:
            return
        high = brush.font(True, 11)[1].height()
        cell, area = self.grid.cell, self.area_map
        every = 1 if cell >= high else -(-int(2.4 * high) // cell)
        first = int(self.top // cell)
        for row in range(first + -first % every, self.grid.rows, every):
            y = area.top() + row * cell - self.top
            if y + cell > area.bottom() + 1:
                break
            rect = QRectF(area.left() - self.gutter, y, self.gutter - 6 * brush.u, max(cell, high))
            words = spaced(row * self.grid.columns * PAGE).removeprefix("0x")
            brush.text(rect, words, "secondary", mono=True, size=11, align=RIGHT)

    def _cells(self, brush: Brush, layer: present.Layer) -> None:
        grid, area = self.grid, self.area_map
        codes, first = grid.window(layer.codes, self.top, area.height())
        ratio = max(round(self.devicePixelRatioF()), 1)
        key = (id(layer), grid, first, len(codes), self.theme, self.chosen, ratio)
        image = self._kept("cells", key, lambda: self._image(brush, layer, codes, ratio))
        brush.p.save()
        brush.p.setClipRect(area.adjusted(-2, -2, 2, 2))
        top = area.top() + first * grid.cell - self.top
        high = min(len(codes) * grid.cell, area.bottom() - top)
        part = QRectF(0, 0, image.width(), image.height() * high / (len(codes) * grid.cell))
        brush.p.drawImage(QRectF(area.left(), top, grid.width, high), image, part)
        self._mark(brush, self.place() // PAGE, "selected")
        if self.hasFocus():
            self._mark(brush, self.pointer, "accent")
        brush.p.restore()
        self._link_pages()

    def _link_pages(self) -> None:
        """The cells of what is hovered and pinned are framed as in every other view."""
        pointed = {self.page_of(focus) for focus in (self.moment.hover, *self.moment.pins)}
        for page in [page for page in pointed if page is not None]:
            box = self.cell_rect(page)
            if box.intersects(self.area_map):
                self.link(box, lambda f, page=page: f is not self.moment.focus and self.page_of(f) == page)

    def _mark(self, brush: Brush, page: int | None, role: str) -> None:
        if page is None or page >= self.grid.pages:
            return
        rect = self.cell_rect(page).adjusted(-brush.u, -brush.u, brush.u, brush.u)
        brush.p.setBrush(Qt.BrushStyle.NoBrush)
        brush.p.setPen(QPen(brush.color("panel"), 4 * brush.u))
        brush.p.drawRect(rect)
        brush.p.setPen(QPen(brush.color(role), 2.2 * brush.u))
        brush.p.drawRect(rect)

    def _image(self, brush: Brush, layer: present.Layer, codes: map_grid.Codes, ratio: int) -> QImage:
        if self.grid.cell < map_tiles.GAPS_FROM:
            return map_tiles.picture(map_tiles.colours(brush, layer.kinds, self._dim(layer)), codes)
        looks = map_tiles.tiles(self.theme, self.fonts, layer.kinds, self.grid.cell, self._dim(layer), ratio)
        return map_tiles.picture(looks, codes)

    def _dim(self, layer: present.Layer) -> Callable[[int], bool]:
        return lambda code: bool(self.chosen) and layer.kinds[code].label not in self.chosen

    def _kept(self, what: str, key: Any, make: Callable[[], QImage]) -> QImage:
        """A picture that is made again only when something it shows has changed."""
        if what not in self._images or self._images[what][0] != key:
            self._images[what] = (key, make())
        return self._images[what][1]

    def _strip(self, brush: Brush, layer: present.Layer) -> None:
        """All of memory beside the map, and the part of it that the map shows."""
        u, strip = brush.u, self.area_strip
        if strip.isEmpty():
            return
        rows = max(int(strip.height() / 2), 16)
        looks = map_tiles.colours(brush, layer.kinds, self._dim(layer))
        image = self._kept("strip", (id(layer), rows, self.theme, self.chosen),
                           lambda: map_tiles.picture(looks, map_grid.pooled(layer.codes, rows)))  # fmt: skip
        brush.p.drawImage(strip, image)
        share = strip.height() / self.grid.height
        brush.p.setBrush(Qt.BrushStyle.NoBrush)
        brush.p.setPen(QPen(brush.color("rule"), u))
        brush.p.drawRect(strip)
        high = max(self.area_map.height() * share, 7 * u)
        top = min(strip.top() + self.top * share, strip.bottom() - high)
        frame = QRectF(strip.left() - 2 * u, top, strip.width() + 4 * u, high)
        for role, width in (("panel", 4.0), ("selected", 2.2)):
            brush.p.setPen(QPen(brush.color(role), width * u))
            brush.p.drawRoundedRect(frame, 2 * u, 2 * u)
        words = "All of memory; where one spot stands for many pages their rarest kind shows. Click or drag: go there."
        self.hit(strip, None, words)
