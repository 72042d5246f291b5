"""The eight shapes of a verdict: distinguishable without colour, at any size."""

import math
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF


def draw(painter: QPainter, shape: str, rect: QRectF, ink: QColor, width: float) -> None:
    """One shape in lines ``width`` thick; an unknown one draws the ring."""
    painter.save()
    pen = QPen(ink, width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    SHAPES.get(shape, _ring)(painter, rect)
    painter.restore()


def _at(rect: QRectF, x: float, y: float) -> QPointF:
    return QPointF(rect.left() + x * rect.width(), rect.top() + y * rect.height())


def _lines(painter: QPainter, rect: QRectF, *points: tuple[float, float]) -> None:
    painter.drawPolyline(QPolygonF([_at(rect, x, y) for x, y in points]))


def _dash(painter: QPainter, rect: QRectF) -> None:
    _lines(painter, rect, (0.1, 0.5), (0.9, 0.5))


def _ring(painter: QPainter, rect: QRectF) -> None:
    painter.drawEllipse(rect.adjusted(*(rect.width() * k for k in (0.1, 0.1, -0.1, -0.1))))


def _shield(painter: QPainter, rect: QRectF) -> None:
    path = QPainterPath(_at(rect, 0.5, 0.0))
    path.quadTo(_at(rect, 0.7, 0.14), _at(rect, 0.92, 0.14))
    path.cubicTo(_at(rect, 0.94, 0.6), _at(rect, 0.78, 0.86), _at(rect, 0.5, 1.0))
    path.cubicTo(_at(rect, 0.22, 0.86), _at(rect, 0.06, 0.6), _at(rect, 0.08, 0.14))
    path.quadTo(_at(rect, 0.3, 0.14), _at(rect, 0.5, 0.0))
    painter.drawPath(path)


def _check(painter: QPainter, rect: QRectF) -> None:
    painter.drawRoundedRect(rect, 3, 3)
    _lines(painter, rect, (0.22, 0.52), (0.43, 0.74), (0.8, 0.28))


def _power(painter: QPainter, rect: QRectF) -> None:
    painter.drawArc(rect.adjusted(*(rect.width() * k for k in (0.08, 0.08, -0.08, -0.08))),
                    125 * 16, 290 * 16)  # fmt: skip
    _lines(painter, rect, (0.5, 0.0), (0.5, 0.45))


def _wrench(painter: QPainter, rect: QRectF) -> None:
    _lines(painter, rect, (0.08, 0.92), (0.58, 0.42))
    box = QRectF(_at(rect, 0.5, -0.02), _at(rect, 1.02, 0.5))
    painter.drawArc(box, 80 * 16, 290 * 16)
    _lines(painter, rect, (0.8, 0.02), (0.74, 0.26), (0.98, 0.2))


def _triangle(painter: QPainter, rect: QRectF) -> None:
    _lines(painter, rect, (0.5, 0.04), (0.98, 0.92), (0.02, 0.92), (0.5, 0.04))


def _cross(painter: QPainter, rect: QRectF) -> None:
    corners = [
        (0.5 + 0.54 * math.cos(math.pi / 8 + n * math.pi / 4),
         0.5 + 0.54 * math.sin(math.pi / 8 + n * math.pi / 4))
        for n in range(9)
    ]  # fmt: skip
    _lines(painter, rect, *corners)
    _lines(painter, rect, (0.32, 0.32), (0.68, 0.68))
    _lines(painter, rect, (0.68, 0.32), (0.32, 0.68))


SHAPES: dict[str, Callable[[QPainter, QRectF], None]] = {
    "dash": _dash,
    "ring": _ring,
    "shield": _shield,
    "check": _check,
    "power": _power,
    "wrench": _wrench,
    "triangle": _triangle,
    "cross": _cross,
}
