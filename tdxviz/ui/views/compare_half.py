"""One half of the comparison: four pairs of eyes, the picture, the bytes, the verdict."""

from typing import Any

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from tdxviz.ui.present import compare as present
from tdxviz.ui.present.eyes import colours
from tdxviz.ui.theme import OWNER_HUES, VERDICT_ROLES
from tdxviz.ui.widgets.painting import painting

TONES = {"readable": "text", "zeros": "secondary", "noise": "outside", "poison": "bad", "refused": "bad"}


class Half(QWidget):
    """Paints a ``Side``; bytes that the other side does not share are underlined."""

    def __init__(self, theme: Any) -> None:
        super().__init__()
        self.theme = theme
        self.side: present.Side | None = None
        self.against: present.Side | None = None
        self.overlay = False
        """Bytes that both sides share are left out."""

    def show_overlay(self, overlay: bool) -> None:
        self.overlay = overlay
        self.update()

    def show_side(self, side: present.Side | None, against: present.Side | None = None) -> None:
        if (side, against) == (self.side, self.against):
            return
        self.side, self.against = side, against
        self.setAccessibleName(self.describe())
        self.update()

    def describe(self) -> str:
        if self.side is None:
            return "No other world."
        rows = ", ".join(f"{r.title} sees {r.kind}" for r in self.side.rows)
        return f"{self.side.title}: {rows}. {self.side.word}"

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        u, theme = self.theme.px, self.theme
        area = QRectF(self.rect()).adjusted(u(1), u(1), -u(1), -u(1))
        fill, ink, letter = OWNER_HUES[self.side.owner] if self.side else (theme.rule, theme.text, "")
        painter.setPen(QPen(QColor(fill), u(1.8)))
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(area, u(8), u(8))
        if self.side is None:
            painter.setPen(QColor(theme.secondary))
            painter.setFont(theme.font(14))
            words = "The other world is not played.\nPress C."
            painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), words)
            return
        head = QRectF(area.left(), area.top(), area.width(), u(28))
        painter.setBrush(QColor(fill))
        painter.drawRoundedRect(head, u(8), u(8))
        painter.setPen(QColor(ink))
        painter.setFont(theme.font(14, True))
        painter.drawText(head, int(Qt.AlignmentFlag.AlignCenter), f"{letter}  {self.side.title}")
        foot = u(52) if self.side.word else 0
        room = area.adjusted(u(10), u(34), -u(10), -foot - u(6))
        height = room.height() / len(self.side.rows)
        for number, row in enumerate(self.side.rows):
            rect = QRectF(room.left(), room.top() + number * height, room.width(), height - u(4))
            other = self.against.rows[number] if self.against else None
            self._row(painter, rect, row, other)
        if foot:
            self._verdict(
                painter, QRectF(area.left() + u(10), area.bottom() - foot, area.width() - u(20), foot)
            )

    def _row(self, painter: QPainter, rect: QRectF, row: present.Row, other: present.Row | None) -> None:
        u, theme = self.theme.px, self.theme
        size = max(min(rect.height() - u(4), rect.width() * 0.26), u(20))
        picture = QRectF(rect.left(), rect.top(), size, size)
        self._picture(painter, picture, row)
        x, width = picture.right() + u(10), rect.right() - picture.right() - u(10)
        painter.setFont(theme.font(13, True))
        painter.setPen(QColor(getattr(theme, TONES[row.kind])))
        line = QFontMetricsF(painter.font()).height()
        words = QFontMetricsF(painter.font()).elidedText(
            f"{row.title}: {row.kind}", Qt.TextElideMode.ElideMiddle, width
        )
        painter.drawText(QRectF(x, rect.top(), width, line), Qt.TextFlag.TextSingleLine, words)
        y = rect.top() + line
        if rect.height() > line * 2.6:
            painter.setFont(theme.font(12))
            painter.setPen(QColor(theme.secondary))
            reason = QFontMetricsF(painter.font()).elidedText(row.reason, Qt.TextElideMode.ElideRight, width)
            painter.drawText(QRectF(x, y, width, line), Qt.TextFlag.TextSingleLine, reason)
            y += line
        self._bytes(painter, QRectF(x, y, width, rect.bottom() - y), row, other)

    def _bytes(self, painter: QPainter, rect: QRectF, row: present.Row, other: present.Row | None) -> None:
        u, theme = self.theme.px, self.theme
        painter.setFont(theme.mono(12))
        metrics = QFontMetricsF(painter.font())
        step, height = metrics.horizontalAdvance("00 "), metrics.height()
        across = max(int(rect.width() / step), 1)
        across = 16 if across >= 16 else 8 if across >= 8 else across
        differs = present.differing(row, other)
        for n in range(min(64, across * int((rect.height() + u(2)) / height))):
            if self.overlay and other is not None and n not in differs:
                continue
            x, y = rect.left() + n % across * step, rect.top() + n // across * height
            text = f"{row.data[n]:02x}" if row.data is not None else "??" if row.kind == "poison" else "··"
            painter.setPen(QColor(theme.text if row.data is not None else theme.bad))
            painter.drawText(QRectF(x, y, step, height), Qt.TextFlag.TextSingleLine, text)
            if n in differs:
                painter.setPen(QPen(QColor(theme.accent), u(1.4)))
                base = int(y + height - u(1))
                painter.drawLine(int(x), base, int(x + step * 0.62), base)

    def _picture(self, painter: QPainter, rect: QRectF, row: present.Row) -> None:
        u, theme = self.theme.px, self.theme
        assert self.side is not None
        if row.picture is not None:
            image = QImage(row.picture, 64, 64, 64, QImage.Format.Format_Indexed8)
            image.setColorTable(list(colours(self.side.palette)))
            if not any(row.picture):
                image = QImage(64, 64, QImage.Format.Format_RGB32)
                image.fill(QColor("#000000"))
            painter.drawImage(rect, image)
        painter.setPen(QPen(QColor(theme.rule), u(1)))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(rect)

    def _verdict(self, painter: QPainter, rect: QRectF) -> None:
        assert self.side is not None
        theme, u = self.theme, self.theme.px
        painter.setPen(QColor(getattr(theme, VERDICT_ROLES.get(self.side.shape, "secondary"))))
        painter.setFont(theme.font(15, True))
        painter.drawText(rect, Qt.TextFlag.TextSingleLine, self.side.word)
        painter.setPen(QColor(theme.text))
        painter.setFont(theme.font(12))
        below = rect.adjusted(0, u(20), 0, 0)
        painter.drawText(below, int(Qt.TextFlag.TextWordWrap), self.side.sentence)
