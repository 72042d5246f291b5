"""Arrows between boxes: from border to border, bent where a box stands in the way or one comes back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainterPath, QPen, QPolygonF

from tdxviz.ui.views.stage_brush import Brush

SAMPLES = 24


@dataclass(frozen=True, slots=True)
class Bow:
    """A quadratic curve from ``start`` to ``end``."""

    start: QPointF
    bend: QPointF
    end: QPointF

    def at(self, share: float) -> QPointF:
        a, b, c = (1 - share) ** 2, 2 * share * (1 - share), share**2
        return self.start * a + self.bend * b + self.end * c


def bow(one: QRectF, two: QRectF, others: Sequence[QRectF], both_ways: bool, gap: float, keep: QRectF) -> Bow:
    """The arrow from box ``one`` to ``two``: straight if nothing stands in the way, inside ``keep``."""
    centre_one, centre_two = one.center(), two.center()
    length = math.hypot(centre_two.x() - centre_one.x(), centre_two.y() - centre_one.y()) or 1.0
    normal = QPointF(-(centre_two.y() - centre_one.y()) / length, (centre_two.x() - centre_one.x()) / length)
    least = gap if both_ways else 0.0
    wide = max(one.width(), one.height() * 2)
    for amount in (least, least + wide * 0.55, -least - wide * 0.55, least + wide * 1.1, -least - wide * 1.1):
        bend = (centre_one + centre_two) / 2 + normal * (amount * 2)
        made = Bow(leave(one, bend), bend, leave(two, bend))
        inside = all(keep.contains(made.at(n / SAMPLES)) for n in range(SAMPLES + 1))
        if inside and not any(_crosses(made, box) for box in others):
            return made
    bend = (centre_one + centre_two) / 2 + normal * (least * 2)
    return Bow(leave(one, bend), bend, leave(two, bend))


def _crosses(made: Bow, box: QRectF) -> bool:
    wide = box.adjusted(-2, -2, 2, 2)
    return any(wide.contains(made.at(n / SAMPLES)) for n in range(1, SAMPLES))


def leave(box: QRectF, towards: QPointF) -> QPointF:
    """Where the line from the centre of ``box`` to ``towards`` leaves it."""
    centre = box.center()
    dx, dy = towards.x() - centre.x(), towards.y() - centre.y()
    if not dx and not dy:
        return centre
    share = min(box.width() / 2 / abs(dx) if dx else math.inf, box.height() / 2 / abs(dy) if dy else math.inf)
    return QPointF(centre.x() + dx * min(share, 1), centre.y() + dy * min(share, 1))


def paint(brush: Brush, made: Bow, color: QColor, width: float) -> None:
    """The curve with a head at its end."""
    head = 2.2 * width + 4 * brush.u
    before = made.at(0.9)
    angle = math.atan2(made.end.y() - before.y(), made.end.x() - before.x())
    back = QPointF(made.end.x() - head * 0.8 * math.cos(angle), made.end.y() - head * 0.8 * math.sin(angle))
    path = QPainterPath(made.start)
    path.quadTo(made.bend, back)
    brush.p.setPen(QPen(color, width))
    brush.p.setBrush(Qt.BrushStyle.NoBrush)
    brush.p.drawPath(path)
    corners = [made.end]
    for side in (-0.42, 0.42):
        corners.append(
            QPointF(
                made.end.x() - head * math.cos(angle + side), made.end.y() - head * math.sin(angle + side)
            )
        )
    brush.p.setPen(Qt.PenStyle.NoPen)
    brush.p.setBrush(color)
    brush.p.drawPolygon(QPolygonF(corners))
