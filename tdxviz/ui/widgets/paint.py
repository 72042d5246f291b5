"""What painted panels have in common: cards, chips, title rows, arrows, numbered discs.

Every size is given at 100 % and scaled here. The shapes of verdicts are in
``views/verdict_shapes``, the words for bytes and addresses in ``present/hexes``.
"""

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from tdxviz.ui.theme import OWNER_HUES, Theme

MIDDLE = Qt.AlignmentFlag.AlignVCenter
MODULE_ON_DARK = "#8A5CB8"
TINT = 0.28


def begin(painter: QPainter, theme: Theme, rect: QRectF) -> None:
    """Smooth edges, and the panel's own background."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(rect, QColor(theme.panel))


def card(
    painter: QPainter, theme: Theme, rect: QRectF, *, edge: str = "", fill: str = "", width: float = 1.0,
    dashed: bool = False,
) -> None:  # fmt: skip
    """A rounded box; ``edge`` and ``fill`` default to the theme's rule and panel."""
    pen = QPen(QColor(edge or theme.rule), theme.px(max(width, theme.line)))
    if dashed:
        pen.setStyle(Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.setBrush(QColor(fill or theme.panel))
    half = pen.widthF() / 2
    painter.drawRoundedRect(rect.adjusted(half, half, -half, -half), theme.px(6), theme.px(6))


def elided(
    painter: QPainter, rect: QRectF, text: str, align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
) -> float:  # fmt: skip
    """One line of text that never leaves ``rect``; returns the width it took."""
    metrics = QFontMetricsF(painter.font())
    shown = metrics.elidedText(text, mode, rect.width())
    painter.drawText(rect, align | MIDDLE, shown)
    return metrics.horizontalAdvance(shown)


def title_row(
    painter: QPainter, theme: Theme, rect: QRectF, title: str, detail: str = "", key: str = ""
) -> float:
    """Title, a quieter detail beside it, the key letter at the right; returns the y below it."""
    u = theme.px
    row = QRectF(rect.left() + u(12), rect.top() + u(4), max(rect.width() - u(24), 1), u(22))
    if key:
        painter.setFont(theme.mono(11))
        painter.setPen(QColor(theme.secondary))
        painter.drawText(row, Qt.AlignmentFlag.AlignRight | MIDDLE, key)
        row.setRight(row.right() - u(18))
    painter.setFont(theme.font(14, True))
    painter.setPen(QColor(theme.text))
    used = elided(painter, row, title)
    rest = row.adjusted(used + u(14), 0, 0, 0)
    if detail and rest.width() > u(30):
        painter.setFont(theme.font(12))
        painter.setPen(QColor(theme.secondary))
        elided(painter, rest, detail)
    return row.bottom() + u(2)


def chip(
    painter: QPainter, theme: Theme, at: QPointF, text: str, fill: str, ink: str, *, size: float = 11
) -> QRectF:  # fmt: skip
    """A small filled badge whose left upper corner is ``at``; returns the room it took."""
    u = theme.px
    painter.setFont(theme.mono(size, True))
    metrics = QFontMetricsF(painter.font())
    rect = QRectF(at.x(), at.y(), metrics.horizontalAdvance(text) + u(12), metrics.height() + u(4))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(fill))
    painter.drawRoundedRect(rect, u(4), u(4))
    painter.setPen(QColor(ink))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
    return rect


def owner_chip(painter: QPainter, theme: Theme, at: QPointF, owner: str, words: str = "") -> QRectF:
    """The chip of an owner token: its letter, or ``words`` in its colours."""
    fill, ink, letter = OWNER_HUES[owner]
    return chip(painter, theme, at, words or letter or "·", fill, ink)


def owner_hue(theme: Theme, owner: str) -> QColor:
    """The full hue of an owner; the module's is lighter on dark so that it can be seen."""
    if owner == "free":
        return QColor(theme.bg)
    if owner == "module" and theme.is_dark:
        return QColor(MODULE_ON_DARK)
    return QColor(OWNER_HUES[owner][0])


def owner_tint(theme: Theme, owner: str, share: float = TINT) -> QColor:
    """An owner's hue mixed into the panel colour, for areas under text."""
    hue, ground = owner_hue(theme, owner), QColor(theme.panel)
    mixed = (round(a * share + b * (1 - share)) for a, b in zip(_rgb(hue), _rgb(ground), strict=True))
    return QColor(*mixed)


def _rgb(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()


def arrow(
    painter: QPainter, theme: Theme, start: QPointF, end: QPointF, colour: str, *, width: float = 2,
    dashed: bool = False,
) -> None:  # fmt: skip
    """A line with a filled head at ``end``."""
    head = theme.px(4 + 2 * width)
    length = math.hypot(end.x() - start.x(), end.y() - start.y())
    if length < 1:
        return
    dx, dy = (end.x() - start.x()) / length, (end.y() - start.y()) / length
    neck = QPointF(end.x() - dx * head, end.y() - dy * head)
    pen = QPen(QColor(colour), theme.px(width))
    if dashed:
        pen.setStyle(Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.drawLine(start, neck)
    side = head * 0.55
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawPolygon(
        QPolygonF([end, QPointF(neck.x() - dy * side, neck.y() + dx * side),
                   QPointF(neck.x() + dy * side, neck.y() - dx * side)])
    )  # fmt: skip


def disc(painter: QPainter, theme: Theme, centre: QPointF, number: int, fill: str, ink: str = "") -> None:
    """A numbered disc: the order of things in a film."""
    radius = theme.px(9)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(fill))
    painter.drawEllipse(centre, radius, radius)
    painter.setFont(theme.font(11, True))
    painter.setPen(QColor(ink or theme.panel))
    rect = QRectF(centre.x() - radius, centre.y() - radius, radius * 2, radius * 2)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, str(number))
