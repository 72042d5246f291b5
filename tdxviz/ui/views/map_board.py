"""Scrolling, zooming and pointing on a map of pages; what the cells show is the subclass's."""

from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from tdxviz.core.units import PAGE
from tdxviz.session.moment import Focus
from tdxviz.ui.panel import Hit
from tdxviz.ui.present import links, map_grid
from tdxviz.ui.views.board import Board

ZOOMS = (3, 5, 8, 11, 14, 18, 24, 32, 44)
"""Pixels a page at 100 %; below them stands the whole memory."""
USUAL = 18
STRIP = 26
"""Width of the strip that shows all of memory."""
GUTTER = 66
"""Room for the addresses of the rows."""
ROOMY = 320
"""Panels wider than this have a gutter."""


class MapBoard(Board):
    """Cells lie in ``area_map``; ``area_strip`` shows all of memory where the map cannot."""

    def __init__(self, bridge: Any, theme: Any) -> None:
        self.zoom = USUAL
        """Pixels a page at 100 %; 0: as large as all of memory fits."""
        self.top = 0.0
        """First pixel of the grid in sight."""
        self.pointer: int | None = None
        """The page that the keyboard points at."""
        self.grid = map_grid.Grid(1, map_grid.STEP, 0)
        self.area_map, self.area_strip = QRectF(), QRectF()
        self.gutter = 0.0
        self._centred = -1
        self._wanted: int | None = None
        super().__init__(bridge, theme)

    # --- where pages lie ------------------------------------------------------------------

    def lay(self, room: QRectF, pages: int) -> None:
        """Choose the grid for this room; bring the page in question into sight when it changed."""
        u, before, seen = self.theme.px(1), self.grid, self._in_sight()
        strip = (STRIP + 6) * u
        self.gutter = GUTTER * u if room.width() > ROOMY * u else 0.0
        wide = room.width() - self.gutter
        cell = min(round(self.zoom * u), max(int((wide - strip) // map_grid.STEP), 1))
        self.grid = map_grid.whole(pages, wide, room.height())
        all_there = cell <= self.grid.cell and self.grid.height <= room.height()
        if not all_there:
            wide -= strip
            self.grid = map_grid.grid(pages, wide, max(cell, self.grid.cell))
        self.area_strip = QRectF() if all_there else QRectF(room.left(), room.top(), STRIP * u, room.height())
        left = round(room.right() - wide)
        high = min(self.grid.height, int(room.height()))
        self.area_map = QRectF(left, round(room.top()), min(self.grid.width, room.right() - left), high)
        if (before.columns, before.cell) != (self.grid.columns, self.grid.cell) and self._wanted is None:
            self._wanted, self.top = seen, -float(self.grid.height)
        self._bring()

    def _in_sight(self) -> int | None:
        """What a new grid has to show: the page in question if it is in sight, else the middle."""
        if self._centred < 0:
            return None
        y, high = self.grid.place(self._centred)[1], self.area_map.height()
        if self.top <= y < self.top + high:
            return self._centred
        return min(int((self.top + high / 2) // self.grid.cell) * self.grid.columns, self.grid.pages - 1)

    def _bring(self) -> None:
        page = self.place() // PAGE
        if page != self._centred:
            self._centred, self._wanted = page, page if self._wanted is None else self._wanted
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            y = self.grid.place(wanted)[1]
            if not self.top <= y <= self.top + self.area_map.height() - self.grid.cell:
                self.top = y - self.area_map.height() / 2
        self.top = self._whole_rows(self.top)

    def _whole_rows(self, top: float) -> float:
        """The nearest first pixel at which a row begins, never past the ends."""
        cell, most = self.grid.cell, max(self.grid.height - self.area_map.height(), 0)
        return min(max(round(top / cell) * cell, 0), -(-most // cell) * cell)

    def scroll_to(self, top: float) -> None:
        self.top = self._whole_rows(top)
        self.update()

    def cell_rect(self, page: int) -> QRectF:
        """Where a page is drawn, also when it is out of sight."""
        x, y = self.grid.place(page)
        size = max(self.grid.cell - (1 if self.grid.cell >= 5 else 0), 2)
        return QRectF(self.area_map.left() + x, self.area_map.top() + y - self.top, size, size)

    def page_at(self, at: QPointF) -> int | None:
        """The page under a point of the map."""
        if self.moment is None or not self.area_map.contains(at):
            return None
        return self.grid.page_at(at.x() - self.area_map.left(), at.y() - self.area_map.top() + self.top)

    def page_of(self, focus: Focus | None) -> int | None:
        """The page that a focus is about, directly, through its GPA or its event."""
        hpa = links.chosen_place(focus, self.ask, self.events)
        return None if hpa is None else hpa // PAGE

    def page_words(self, page: int) -> str:
        """Tooltip of a page."""
        raise NotImplementedError

    # --- mouse ----------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        page, left = self.page_at(event.position()), event.button() == Qt.MouseButton.LeftButton
        if page is not None and left:
            self.setFocus()
            self.pointer = self._centred = page
            pin = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self.activate(Hit(QRectF(), Focus(hpa=page * PAGE)), pin=pin)
        elif left and self.area_strip.contains(event.position()):
            self._jump(event.position().y())
        else:
            super().mousePressEvent(event)

    def _jump(self, y: float) -> None:
        share = (y - self.area_strip.top()) / self.area_strip.height()
        self.scroll_to(share * self.grid.height - self.area_map.height() / 2)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        page = self.page_at(event.position())
        if page is not None:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.setToolTip(self.page_words(page))
            if self.page_of(self.moment.hover) != page:
                self.bridge.hover(Focus(hpa=page * PAGE))
        elif event.buttons() & Qt.MouseButton.LeftButton and self.area_strip.contains(event.position()):
            self._jump(event.position().y())
        else:
            super().mouseMoveEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.page_at(event.position()) is not None:
            self.bridge.open_view("page")

    def wheelEvent(self, event: QWheelEvent) -> None:
        turns = event.angleDelta().y() / 120
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(1 if turns > 0 else -1, self.page_at(event.position()))
        else:
            self.scroll_to(self.top - turns * max(3 * self.grid.cell, self.theme.px(48)))
        event.accept()

    # --- zoom and keyboard ----------------------------------------------------------------

    def zoom_by(self, steps: int, page: int | None = None) -> None:
        """To the next larger or smaller cells; ``page`` (else the one in question) stays in sight."""
        u, cell = self.theme.px(1), self.grid.cell
        now = max(self.zoom, 1) if round(self.zoom * u) > cell // 2 else cell / u
        larger, smaller = [z for z in ZOOMS if z > now], [z for z in ZOOMS if z < now]
        zoom = (larger[0] if larger else self.zoom) if steps > 0 else (smaller[-1] if smaller else 0)
        self.set_zoom(zoom, page)

    def set_zoom(self, zoom: int, page: int | None = None) -> None:
        self.zoom = zoom
        here = self.pointer if self.pointer is not None else self.place() // PAGE
        self._wanted = here if page is None else page
        self.top = -float(self.grid.height)  # out of sight in any grid, so it is centred
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, alt = Qt.Key(event.key()), bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        row, rows = self.grid.columns, max(int(self.area_map.height() // self.grid.cell) - 1, 1)
        steps = {
            Qt.Key.Key_Down: row, Qt.Key.Key_Up: -row,
            Qt.Key.Key_PageDown: row * rows, Qt.Key.Key_PageUp: -row * rows,
        }  # fmt: skip
        if alt:
            steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: row, Qt.Key.Key_Up: -row}
        if key in steps:
            self._move_cursor(steps[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            page = self.pointer if self.pointer is not None else self.place() // PAGE
            self.bridge.select(Focus(hpa=page * PAGE))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(1)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(-1)
        elif key == Qt.Key.Key_0:
            self.set_zoom(0)
        else:
            event.ignore()

    def _move_cursor(self, by: int) -> None:
        here = self.pointer if self.pointer is not None else self.place() // PAGE
        self.pointer = min(max(here + by, 0), self.grid.pages - 1)
        self._wanted = self.pointer
        self.setAccessibleDescription(self.page_words(self.pointer).split("\n")[0])
        self.bridge.hover(Focus(hpa=self.pointer * PAGE))
        self.update()
