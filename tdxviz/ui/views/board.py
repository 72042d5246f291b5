"""The base of the painted panels around the stage: title row, scrolled body, linked frames."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QWheelEvent

from tdxviz.core.units import Hpa
from tdxviz.ui.panel import Hit, Panel
from tdxviz.ui.present import links
from tdxviz.ui.present.questions import Questions, asked
from tdxviz.ui.theme import Theme
from tdxviz.ui.views.stage_brush import CENTRE, RIGHT, Brush, Fonts

TITLE = 26
MARGIN = 12
NOTCH = 48
"""How far one notch of the wheel scrolls, at 100 %."""
PIN_LETTERS = "abc"

Matcher = Callable[[Any], bool]


class Board(Panel):
    """Subclasses say ``heading`` and paint the body; everything else is here.

    What was asked of a machine is kept as long as the instant stays the same; only hovering and
    choosing may differ in between.
    """

    def __init__(self, bridge: Any, theme: Theme) -> None:
        super().__init__(bridge, theme)
        self.fonts = Fonts(theme)
        self.scrolled = 0.0
        self._room = 0.0
        self._content = 0.0
        self._ask: Questions | None = None
        self._seen: Any = None
        self._links: list[tuple[QRectF, Matcher]] = []
        self._all_hits: list[Hit] = []
        self.forget()

    # --- what is shown --------------------------------------------------------------------

    def show_moment(self, moment: Any) -> None:
        ask = asked(self.bridge, moment)
        if ask is not self._ask:
            self._ask = ask
            self.forget()
        self.moment = moment
        seen = (self.shown(), moment.focus, moment.hover, moment.pins) if self.isVisible() else None
        if seen is None or seen != self._seen:
            self._seen = seen
            self.update()

    def shown(self) -> Any:
        """All that the paint of this moment depends on, beside focus, hover and pins. As long as it
        stays equal, what is painted already is the picture of the new moment too."""
        return object()

    def forget(self) -> None:
        """Drop what was derived from the machine of the instant before."""

    @property
    def ask(self) -> Questions:
        """Questions to the present machine; only while there is a moment."""
        assert self._ask is not None
        return self._ask

    @property
    def events(self) -> Any:
        return self.bridge.session.events

    def place(self) -> Hpa:
        """The line that this and the other views are about now."""
        return links.place(self.moment, self.ask, self.events)

    def set_theme(self, theme: Theme) -> None:
        self.fonts = Fonts(theme)
        super().set_theme(theme)

    def heading(self) -> tuple[str, str]:
        """Title and the quieter words beside it."""
        return self.title, ""

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        """Paint below the title; ``area`` may begin above it when scrolled. Height of it all."""
        raise NotImplementedError

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(440)), int(self.theme.px(300)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(200)), int(self.theme.px(90)))

    # --- painting -------------------------------------------------------------------------

    def paint_on(self, painter: QPainter) -> None:
        brush = Brush(painter, self.theme, self.fonts)
        painter.fillRect(self.rect(), QColor(self.theme.panel))
        self.hits, self._all_hits, self._links = [], [], []
        body = self._title(brush)
        if self.moment is None:
            brush.text(body, "loading …", "secondary", align=CENTRE)
            return
        painter.setClipRect(body.adjusted(-brush.u * 8, 0, brush.u * 8, 0))
        self._content = self.paint_body(brush, body.translated(0, -self.scrolled))
        self._room = body.height()
        self._frames(brush)
        self._cut(body)
        painter.setClipping(False)
        self._bar(brush, body)
        self.paint_cursor(painter)
        if self.scrolled > max(self._content - self._room, 0) + 1:
            self.scrolled = max(self._content - self._room, 0.0)
            self.update()

    def _title(self, brush: Brush) -> QRectF:
        """The title row; returns the room below it."""
        u = brush.u
        title, detail = self.heading() if self.moment is not None else (self.title, "")
        row = QRectF(MARGIN * u, 3 * u, self.width() - 2 * MARGIN * u, (TITLE - 4) * u)
        if self.key:
            brush.text(row, self.key, "secondary", mono=True, size=11, align=RIGHT)
            row.setRight(row.right() - 16 * u)
        used = brush.text(row, title, size=14, bold=True)
        rest = row.adjusted(used + 12 * u, u, 0, u)
        if detail and rest.width() > 40 * u:
            brush.text(rest, detail, "secondary")
            self.hit(rest, None, detail)
        return QRectF(MARGIN * u, TITLE * u, self.width() - 2 * MARGIN * u,
                      max(self.height() - (TITLE + 6) * u, 1))  # fmt: skip

    def _cut(self, body: QRectF) -> None:
        """Areas scrolled out of sight cannot be pointed at; the title's stay."""
        wide = body.adjusted(-self.theme.px(8), 0, self.theme.px(8), 0)
        kept = [Hit(*hit) for hit in self.hits]
        self._all_hits = kept
        self.hits = [
            h if h.rect.bottom() <= body.top() else h._replace(rect=h.rect.intersected(wide))
            for h in kept
            if h.rect.bottom() <= body.top() or h.rect.intersects(wide)
        ]

    def _bar(self, brush: Brush, body: QRectF) -> None:
        """A slim thumb at the right edge while there is more than fits."""
        if self._content <= body.height() + 1:
            return
        share = body.height() / self._content
        top = body.top() + self.scrolled * share
        brush.p.setPen(Qt.PenStyle.NoPen)
        brush.p.setBrush(brush.color("rule"))
        thumb = QRectF(self.width() - 6 * brush.u, top, 4 * brush.u, max(body.height() * share, 12 * brush.u))
        brush.p.drawRoundedRect(thumb, 2 * brush.u, 2 * brush.u)

    # --- linked frames --------------------------------------------------------------------

    def link(self, rect: QRectF, matches: Matcher) -> None:
        """``rect`` shows what some focus may be about; it is framed when one is."""
        self._links.append((rect, matches))

    def _frames(self, brush: Brush) -> None:
        """Chosen: solid. Hovered: dashed. Pinned: thin, with a letter."""
        moment, u = self.moment, brush.u
        p = brush.p
        p.setBrush(Qt.BrushStyle.NoBrush)
        for rect, matches in self._links:
            for number, pin in enumerate(moment.pins):
                if matches(pin):
                    self._pin(brush, rect, PIN_LETTERS[number % len(PIN_LETTERS)])
                    p.setBrush(Qt.BrushStyle.NoBrush)
            if matches(moment.focus):
                p.setPen(QPen(QColor(self.theme.panel), 4.2 * u))
                p.drawRoundedRect(rect, 2 * u, 2 * u)
                p.setPen(QPen(QColor(self.theme.selected), 2.4 * u))
                p.drawRoundedRect(rect, 2 * u, 2 * u)
            elif matches(moment.hover):
                pen = QPen(QColor(self.theme.edge), 1.7 * u)
                pen.setDashPattern([3.4, 2.2])
                p.setPen(pen)
                p.drawRoundedRect(rect, 2 * u, 2 * u)

    def _pin(self, brush: Brush, rect: QRectF, letter: str) -> None:
        u = brush.u
        brush.p.setPen(QPen(QColor(self.theme.accent), 1.6 * u))
        brush.p.drawRoundedRect(rect, 2 * u, 2 * u)
        centre = QPointF(rect.right() - 5 * u, rect.top() + 5 * u)
        brush.disc(centre, letter, QColor(self.theme.accent), QColor(self.theme.on_accent), 6.5 * u)

    # --- scrolling ------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.scroll_by(-event.angleDelta().y() / 120 * NOTCH * self.theme.px(1))
        event.accept()

    def scroll_by(self, amount: float) -> None:
        """Move the body, never past its ends."""
        most = max(self._content - self._room, 0.0)
        wanted = min(max(self.scrolled + amount, 0.0), most)
        if wanted != self.scrolled:
            self.scrolled = wanted
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The base moves a cursor among all areas, also those out of sight; follow it."""
        shown = self.hits
        self.hits = self._all_hits
        super().keyPressEvent(event)
        usable = [Hit(*hit) for hit in self.hits if hit[1] is not None]
        self.hits = shown
        if 0 <= self._cursor < len(usable):
            rect, top = usable[self._cursor].rect, TITLE * self.theme.px(1)
            if rect.top() < top:
                self.scroll_by(rect.top() - top)
            elif rect.bottom() > top + self._room:
                self.scroll_by(rect.bottom() - top - self._room)

    def paint_cursor(self, painter: QPainter) -> None:
        shown, self.hits = self.hits, self._all_hits
        super().paint_cursor(painter)
        self.hits = shown
