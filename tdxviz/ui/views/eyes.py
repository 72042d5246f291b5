"""Who sees what, right now: one picture and one line of memory through every pair of eyes."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from tdxviz.core.units import Hpa, line_of
from tdxviz.ui.panel import Hit, Panel
from tdxviz.ui.present import eyes as present
from tdxviz.ui.present.ask import PICTURE, SECRET, same_instant
from tdxviz.ui.present.films import film_at
from tdxviz.ui.present.questions import asked
from tdxviz.ui.theme import Theme
from tdxviz.ui.views.stage_brush import Brush, Fonts

TITLE = 24


class EyesPanel(Panel):
    """Four cards, five when there is a second guest; nothing here decides what anybody sees."""

    name = "eyes"
    title = "Who sees what, right now"
    key = "E"
    tooltip = "The guest's picture and a line of its memory through all eyes"

    def __init__(self, bridge: Any, theme: Theme) -> None:
        super().__init__(bridge, theme)
        self._cards: tuple[present.Card, ...] | None = None
        self._drawn: tuple[present.Card, ...] | None = None
        self._images: dict[str, QImage] = {}
        self._colours: list[int] = []
        self._hpa: Hpa = SECRET
        self._fonts = Fonts(theme)
        self._events_seen: Any = None

    def show_moment(self, moment: Any) -> None:
        if not same_instant(self.moment, moment, self._events_seen, self.bridge.session.events):
            self._cards = None
            self._events_seen = self.bridge.session.events
        before = (self._drawn, self._hpa)
        self.moment = moment
        if not self.isVisible() or (self.cards(), self._hpa) != before:
            self._drawn = self._cards
            self.update()

    def set_theme(self, theme: Theme) -> None:
        self._fonts = Fonts(theme)
        super().set_theme(theme)

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(900)), int(self.theme.px(170)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(300)), int(self.theme.px(96)))

    def cards(self) -> tuple[present.Card, ...]:
        """Computed once per moment, when first needed."""
        if self._cards is None and self.moment is not None:
            ask = asked(self.bridge, self.moment)
            self._hpa = self._line()
            self._cards = present.cards(ask, self._hpa)
            self._colours = self._colours or list(present.colours(ask.palette()))
            self._images = {card.actor: self._image(card) for card in self._cards}
        return self._cards or ()

    def _line(self) -> Hpa:
        """The line the learner chose, else the one the present access is about."""
        chosen = self.moment.focus.hpa if self.moment.focus else None
        if chosen is not None:
            return line_of(chosen)
        film = film_at(self.bridge.session.events, self.moment.index)
        return film.hpa if film and film.hpa is not None else SECRET

    def _image(self, card: present.Card) -> QImage:
        """The picture in the guest's colours; a page of nothing but zeros is black."""
        side = present.SIDE
        if card.picture is None or len(card.picture) < side * side or card.kind == "poison":
            return QImage()
        image = QImage(card.picture, side, side, side, QImage.Format.Format_Indexed8)
        image.setColorTable(self._colours if any(card.picture) else [0xFF000000] * 256)
        return image.copy()

    def describe(self) -> str:
        cards = self.cards()
        return present.describe(cards, self._hpa) if cards else f"{self.title}: nothing loaded yet."

    # --- geometry -------------------------------------------------------------------------

    def card_rects(self) -> list[QRectF]:
        """One rectangle a card, side by side."""
        u, count = self.theme.px(1), max(len(self.cards()), 1)
        area = QRectF(self.rect()).adjusted(10 * u, (TITLE + 4) * u, -10 * u, -8 * u)
        gap = 10 * u
        width = (area.width() - gap * (count - 1)) / count
        return [
            QRectF(area.left() + n * (width + gap), area.top(), width, area.height()) for n in range(count)
        ]

    def _lay(self) -> None:
        self.hits = [
            Hit(rect, self._opener(), f"{card.title}: {card.note or card.reason}. Enter: the whole line")
            for rect, card in zip(self.card_rects(), self.cards(), strict=False)
        ]

    def _picture_page(self) -> Any:
        from tdxviz.session.moment import Focus

        return Focus(hpa=PICTURE)

    def _opener(self) -> Callable[[], None]:
        return lambda: self.bridge.open_view("line")

    # --- paint ----------------------------------------------------------------------------

    def paint_on(self, painter: QPainter) -> None:
        cards = self.cards()
        self._lay()
        brush = Brush(painter, self.theme, self._fonts)
        painter.fillRect(self.rect(), brush.tint("rule", 0.0))
        u = brush.u
        head = QRectF(10 * u, 2 * u, self.width() - 20 * u, TITLE * u)
        wide = brush.text(head, self.title, size=14, bold=True)
        rest = head.adjusted(wide + 14 * u, 0, 0, 0)
        brush.text(rest, present.caption(self._hpa) if cards else "loading …", "secondary")
        for rect, card in zip(self.card_rects(), cards, strict=False):
            self._card(brush, rect, card)
        self.paint_cursor(painter)

    def _card(self, brush: Brush, rect: QRectF, card: present.Card) -> None:
        u = brush.u
        brush.frame(rect, brush.theme.bg, brush.color(card.tone), 1.8 * u, 6 * u)
        inner = rect.adjusted(8 * u, 7 * u, -8 * u, -5 * u)
        line = brush.font(False, 12)[1].height() + u
        below = inner.height() >= 5.0 * line
        data_height = line * (2 if inner.height() > 6.6 * line else 1) if below else 0.0
        side = min(inner.height() - data_height - (4 * u if below else 0), inner.width() * 0.42)
        picture = QRectF(inner.left(), inner.top(), side, side)
        self._picture(brush, picture, card)
        self.hits.append(
            Hit(picture, self._picture_page(), f"{card.title}: the picture. Enter: choose its page")
        )
        words = QRectF(picture.right() + 9 * u, inner.top(), inner.right() - picture.right() - 9 * u, side)
        self._words(brush, words, card, line)
        if below:
            self._bytes(brush, QRectF(inner.left(), inner.bottom() - data_height, inner.width(), data_height),
                        card, line)  # fmt: skip

    def _picture(self, brush: Brush, rect: QRectF, card: present.Card) -> None:
        u, image = brush.u, self._images.get(card.actor, QImage())
        if image.isNull():
            brush.frame(rect, brush.theme.panel, brush.color("rule"), 1.2 * u, 2 * u)
            sign = "??" if card.kind == "poison" else "··"
            brush.text(rect, sign, "secondary", mono=True, size=14, align=Qt.AlignmentFlag.AlignCenter)
            return
        brush.p.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        brush.p.drawImage(rect, image)
        brush.p.setPen(brush.color("edge"))
        brush.p.setBrush(Qt.BrushStyle.NoBrush)
        brush.p.drawRect(rect)

    def _words(self, brush: Brush, rect: QRectF, card: present.Card, line: float) -> None:
        """Name, reason over as many lines as there is room for, and the mark."""
        top = QRectF(rect.left(), rect.top(), rect.width(), line)
        fits = brush.width(card.title, size=13, bold=True) <= rect.width()
        brush.text(top, card.title if fits else card.short_title, size=13, bold=True)
        mark = QRectF(rect.left(), max(rect.bottom() - line, rect.top() + line), rect.width(), line)
        middle = QRectF(rect.left(), top.bottom(), rect.width(), mark.top() - top.bottom())
        lines = int(middle.height() / (line - brush.u))
        if lines >= 1:
            brush.wrapped(middle, card.reason, "secondary", size=12, lines=lines)
        fits = brush.width(card.mark, bold=True) <= rect.width()
        brush.text(mark, card.mark if fits else card.short_mark, card.role, bold=True)

    def _bytes(self, brush: Brush, rect: QRectF, card: present.Card, line: float) -> None:
        step = brush.width("00 ", True, 12)
        count = max(2, min(16, int((rect.width() + step / 3) / step)))
        count = 8 if 8 <= count < 16 else count
        at = QRectF(rect.left(), rect.top(), rect.width(), line)
        brush.text(at, present.bytes_text(card, count), mono=True, bold=card.kind == "readable")
        if rect.height() > line * 1.5:
            foot = QRectF(rect.left(), at.bottom(), rect.width(), line)
            brush.text(foot, card.note or f"bytes 0–{count - 1}", "secondary", size=11)
