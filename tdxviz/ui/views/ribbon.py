"""The whole physical memory as one ribbon: a segment an owner, the chosen page marked."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QMouseEvent, QPen, QPolygonF

from tdxviz.core.units import PAGE, page_of
from tdxviz.ui.present import links
from tdxviz.ui.present import memory as present
from tdxviz.ui.present.hexes import spaced
from tdxviz.ui.theme import OWNER_HUES
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, LEFT, Brush

if TYPE_CHECKING:
    from tdxviz.session.moment import Focus

LEAST = 15
"""Narrowest segment: room for its letter."""


class RibbonPanel(Board):
    """Click: choose the page under the pointer. Drag: look through the pages."""

    name = "ribbon"
    title = "Physical memory"
    tooltip = (
        "All of memory by owner. Widths follow the logarithm of the size, or small guests would not show"
    )

    def forget(self) -> None:
        self._parts: tuple[present.Segment, ...] = ()

    @property
    def parts(self) -> tuple[present.Segment, ...]:
        """The segments of the present moment."""
        if not self._parts:
            self._parts = present.segments(self.ask.page_map())
        return self._parts

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(900)), int(self.theme.px(74)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(200)), int(self.theme.px(54)))

    def heading(self) -> tuple[str, str]:
        pages = len(self.ask.page_map())
        here = self.place()
        return self.title, (
            f"{pages * PAGE >> 20} MiB = {pages:,} pages, not to scale · "
            f"here: {spaced(page_of(here))}, {self.ask.page(here).title}"
        )

    def describe(self) -> str:
        if self.moment is None:
            return self.title
        here = self.place()
        return (
            f"{self.title}, {len(self.ask.page_map()):,} pages. {present.describe_ribbon(self.parts)} "
            f"Chosen: {spaced(page_of(here))}, {self.ask.page(here).title}."
        )

    def shown(self) -> object:
        here = self.place()
        kinds = [self.ask.page(part.low).kind for part in self.parts if part.owner == "meta"]
        return self.ask.page_map(), page_of(here), self.ask.page(here).title, kinds

    # --- painting -------------------------------------------------------------------------

    def _bar_rect(self, area: QRectF) -> QRectF:
        u = self.theme.px(1)
        foot = 15 * u if area.height() >= 38 * u else 0
        return QRectF(area.left(), area.top() + 5 * u, area.width(), max(area.height() - foot - 7 * u, 8 * u))

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u, bar = brush.u, self._bar_rect(area)
        self._strip = bar
        self._wide = present.widths(self.parts, bar.width(), LEAST * u)
        x = bar.left()
        for part, width in zip(self.parts, self._wide, strict=True):
            rect = QRectF(x, bar.top(), width, bar.height())
            self._segment(brush, rect, part)
            if area.bottom() - bar.bottom() > 12 * u and part.owner != "free":
                self._address(brush, rect, part, area)
            x += width
        brush.p.setPen(QPen(brush.color("edge"), self.theme.line * u))
        brush.p.setBrush(Qt.BrushStyle.NoBrush)
        brush.p.drawRect(bar)
        self._here(brush, bar)
        return area.height()

    def _segment(self, brush: Brush, rect: QRectF, part: present.Segment) -> None:
        u, p = brush.u, brush.p
        if part.owner == "free":
            p.fillRect(rect, brush.color("bg"))
            p.fillRect(rect, QBrush(brush.color("rule"), Qt.BrushStyle.BDiagPattern))
        else:
            p.fillRect(rect, brush.color(part.owner))
            self._gaps(brush, rect, part)
            self._label(brush, rect, part)
        p.fillRect(QRectF(rect.right() - u, rect.top(), u, rect.height()), brush.color("panel"))
        self.hit(rect, self._chooser(rect, part), part.tooltip)
        low, size = part.low, part.size
        self.link(rect.adjusted(u, 1.5 * u, -2 * u, -1.5 * u), lambda f: self._hovers(f, low, size))

    def _hovers(self, focus: "Focus | None", low: int, size: int) -> bool:
        """A segment is framed while it is hovered; the chosen page has its own mark."""
        return focus is not self.moment.focus and links.in_range(focus, low, size)

    def _gaps(self, brush: Brush, rect: QRectF, part: present.Segment) -> None:
        """Pages in between that nobody uses, where a page is wide enough to be seen."""
        step = rect.width() / part.count
        if part.used == part.count or step < 2 or rect.height() < 24 * brush.u:
            return
        codes = self.ask.page_map()[part.first : part.first + part.count]
        for number, code in enumerate(codes):
            if code == 0:
                foot = QRectF(rect.left() + number * step, rect.bottom() - 5 * brush.u, step, 5 * brush.u)
                brush.p.fillRect(foot, brush.tint(part.owner, 0.25))

    def _label(self, brush: Brush, rect: QRectF, part: present.Segment) -> None:
        letter = self._letter(part)
        words = f"{letter}  {present.WORDS[part.owner]}"
        room = rect.width() - 6 * brush.u
        shown = words if brush.width(words, True, 12, True) <= room else letter
        if brush.width(shown, True, 12, True) <= rect.width():
            brush.text(rect, shown, brush.ink(part.owner), mono=True, size=12, bold=True, align=CENTRE)

    def _letter(self, part: present.Segment) -> str:
        if part.owner == "meta":
            return "S/T" if self.ask.page(part.low).kind else "P"
        return OWNER_HUES[part.owner][2]

    def _address(self, brush: Brush, rect: QRectF, part: present.Segment, area: QRectF) -> None:
        words = f"{part.low:x}"
        if brush.width(words, True, 11) <= rect.width() - 4 * brush.u:
            foot = QRectF(rect.left(), rect.bottom() + brush.u, rect.width(), area.bottom() - rect.bottom())
            brush.text(foot, words, "secondary", mono=True, size=11, align=LEFT)

    def _here(self, brush: Brush, bar: QRectF) -> None:
        """The page in question: a window across the ribbon and a pointer above it."""
        at = present.offset_of(self.parts, self._wide, self.place() // PAGE)
        if at is None:
            return
        u, x = brush.u, bar.left() + at
        window = QRectF(x - 4.5 * u, bar.top() - 2 * u, 9 * u, bar.height() + 4 * u)
        brush.p.setBrush(Qt.BrushStyle.NoBrush)
        brush.p.setPen(QPen(brush.color("panel"), 4 * u))
        brush.p.drawRoundedRect(window, 2 * u, 2 * u)
        brush.p.setPen(QPen(brush.color("selected"), 2.2 * u))
        brush.p.drawRoundedRect(window, 2 * u, 2 * u)
        tip = QPointF(x, window.top() + u)
        brush.p.setPen(Qt.PenStyle.NoPen)
        brush.p.setBrush(brush.color("selected"))
        brush.p.drawPolygon(
            QPolygonF([tip, QPointF(x - 5 * u, tip.y() - 6 * u), QPointF(x + 5 * u, tip.y() - 6 * u)])
        )

    # --- pointing -------------------------------------------------------------------------

    def _chooser(self, rect: QRectF, part: present.Segment) -> Callable[[], None]:
        """Enter on a segment chooses its first page; a click is finer, see below."""
        return lambda: self._choose(part.first)

    def _choose(self, page: int) -> None:
        from tdxviz.session.moment import Focus

        self.bridge.select(Focus(hpa=page * PAGE))

    def _page_at(self, at: QPointF) -> int | None:
        strip = getattr(self, "_strip", QRectF())
        if not strip.adjusted(0, -4, 0, 4).contains(at):
            return None
        return present.page_at(self.parts, self._wide, at.x() - strip.left())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        page = self._page_at(event.position())
        if page is None or event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            from tdxviz.session.moment import Focus

            self.bridge.pin(Focus(hpa=page * PAGE))
        else:
            self._choose(page)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        page = self._page_at(event.position())
        if page is None or self.moment is None:
            return
        from tdxviz.session.moment import Focus

        if event.buttons() & Qt.MouseButton.LeftButton:
            if page * PAGE != self.moment.focus.hpa:
                self._choose(page)
        elif self.moment.hover != Focus(hpa=page * PAGE):
            self.bridge.hover(Focus(hpa=page * PAGE))
