"""What a recording paints over the window's picture: caption strip, verdict, spotlight."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from tdxviz.core.outcome import Verdict
from tdxviz.ui.theme import VERDICT_ROLES, Theme
from tdxviz.ui.widgets.painting import painting

STRIP = 56
"""Height of the caption strip at 100 %."""
SHADE = QColor(0, 0, 0, 130)


def strip_height(theme: Theme) -> int:
    return round(theme.px(STRIP))


def frame(size: tuple[int, int], theme: Theme) -> QImage:
    image = QImage(size[0], size[1], QImage.Format.Format_RGB888)
    image.fill(QColor(theme.bg))
    return image


def compose(image: QImage, window: QImage, spots: Sequence[QRect], theme: Theme) -> None:
    """The window at the top of the frame, dimmed outside the spots."""
    with painting(image, smooth=False) as painter:
        painter.drawImage(QPoint(0, 0), window)
        if spots:
            _spotlight(painter, QRectF(window.rect()), spots, theme)


def _spotlight(painter: QPainter, area: QRectF, spots: Sequence[QRect], theme: Theme) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    shade, lit = QPainterPath(), QPainterPath()
    shade.addRect(area)
    margin = theme.px(4)
    for spot in spots:
        one = QPainterPath()
        one.addRoundedRect(QRectF(spot).adjusted(-margin, -margin, margin, margin), margin, margin)
        lit = lit.united(one)
    painter.fillPath(shade.subtracted(lit), SHADE)
    painter.setPen(QPen(QColor(theme.accent), theme.px(2.5)))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(lit)


def caption(image: QImage, text: str, verdict: Verdict | None, theme: Theme) -> None:
    """The strip below the window: the verdict's word if the banner is up, and the caption."""
    height = strip_height(theme)
    area = QRectF(0, image.height() - height, image.width(), height)
    with painting(image, smooth=False) as painter:
        painter.fillRect(area, QColor(theme.panel))
        painter.setPen(QPen(QColor(theme.rule), max(theme.line, 1)))
        painter.drawLine(area.topLeft(), area.topRight())
        left = area.left() + theme.px(18)
        if verdict is not None:
            left = _banner(painter, area, left, verdict, theme)
            text = verdict.sentence
        painter.setPen(QColor(theme.text))
        room = QRectF(left, area.top(), area.right() - left - theme.px(18), area.height())
        _fitted(painter, room, text, theme)


def _banner(painter: QPainter, area: QRectF, left: float, verdict: Verdict, theme: Theme) -> float:
    """Paint the verdict's word in the colour of its class; where the sentence may begin."""
    font = theme.font(20, bold=True)
    painter.setFont(font)
    width = painter.fontMetrics().horizontalAdvance(verdict.word) + theme.px(28)
    band = QRectF(area.left(), area.top(), left + width, area.height())
    painter.fillRect(band, QColor(getattr(theme, VERDICT_ROLES[verdict.shape])))
    painter.setPen(QColor(theme.panel))
    painter.drawText(band, Qt.AlignmentFlag.AlignCenter, verdict.word)
    return band.right() + theme.px(14)


def _fitted(painter: QPainter, room: QRectF, text: str, theme: Theme) -> None:
    """As large as fits into two lines, down to 11 pixels at 100 %."""
    flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
    for size in (17, 15, 13.5, 12, 11):
        painter.setFont(theme.font(size))
        if painter.boundingRect(room, flags, text).height() <= room.height() or size == 11:
            painter.drawText(room, flags, text)
            return
