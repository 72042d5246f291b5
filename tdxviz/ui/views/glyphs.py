"""Small signs drawn, not typed: changed, poisoned, pending, cached. No font needs to have them."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen, QPolygonF

from tdxviz.ui.views.stage_brush import Brush

WORDS = {
    "changed": "changed by this step",
    "poison": "poisoned: whoever reads it takes a machine check",
    "pending": "pending: the TD has not accepted the page yet",
    "clean": "a copy in the cache",
    "dirty": "changed in the cache, not yet in memory",
}


def sign(brush: Brush, name: str, centre: QPointF, size: float, ink: QColor | None = None) -> None:
    """One of ``WORDS`` in a square of ``size`` around ``centre``."""
    box = QRectF(centre.x() - size / 2, centre.y() - size / 2, size, size)
    colour = ink or brush.color("text")
    {
        "changed": _triangle, "poison": _poison, "pending": _ring, "clean": _drum, "dirty": _drum,
    }[name](brush, box, colour)  # fmt: skip
    if name == "dirty":
        brush.p.setPen(Qt.PenStyle.NoPen)
        brush.p.setBrush(brush.color("warn"))
        brush.p.drawEllipse(QPointF(box.right(), box.bottom() - size * 0.12), size * 0.24, size * 0.24)


def _triangle(brush: Brush, box: QRectF, ink: QColor) -> None:
    brush.p.setPen(QPen(ink, max(size_of(box) * 0.12, 1.2)))
    brush.p.setBrush(brush.color("note"))
    brush.p.drawPolygon(
        QPolygonF([QPointF(box.center().x(), box.top()), box.bottomRight(), box.bottomLeft()])
    )


def _poison(brush: Brush, box: QRectF, ink: QColor) -> None:
    red = brush.color("bad")
    brush.p.setPen(Qt.PenStyle.NoPen)
    brush.p.setBrush(red)
    brush.p.drawEllipse(box)
    arm = size_of(box) * 0.22
    brush.p.setPen(QPen(brush.ink("bad"), max(size_of(box) * 0.13, 1.2)))
    c = box.center()
    brush.p.drawLine(QPointF(c.x() - arm, c.y() - arm), QPointF(c.x() + arm, c.y() + arm))
    brush.p.drawLine(QPointF(c.x() - arm, c.y() + arm), QPointF(c.x() + arm, c.y() - arm))


def _ring(brush: Brush, box: QRectF, ink: QColor) -> None:
    pen = QPen(ink, max(size_of(box) * 0.14, 1.2))
    pen.setDashPattern([1.4, 1.2])
    brush.p.setPen(pen)
    brush.p.setBrush(Qt.BrushStyle.NoBrush)
    brush.p.drawEllipse(box.adjusted(1, 1, -1, -1))


def _drum(brush: Brush, box: QRectF, ink: QColor) -> None:
    """A disk drum: the usual sign of a store, here the cache."""
    size = size_of(box)
    faded = QColor(ink)
    faded.setAlpha(190)
    brush.p.setPen(QPen(faded, max(size * 0.09, 1.0)))
    brush.p.setBrush(Qt.BrushStyle.NoBrush)
    high = size * 0.30
    for n in range(3):
        y = box.top() + size * (0.02 + 0.30 * n)
        lid = QRectF(box.left() + size * 0.08, y, size * 0.84, high)
        if n == 0:
            brush.p.drawEllipse(lid)
        else:
            brush.p.drawArc(lid, 180 * 16, 180 * 16)
    y, low = box.top() + size * 0.17, box.top() + size * 0.77
    brush.p.drawLine(QPointF(box.left() + size * 0.08, y), QPointF(box.left() + size * 0.08, low))
    brush.p.drawLine(QPointF(box.right() - size * 0.08, y), QPointF(box.right() - size * 0.08, low))


def size_of(box: QRectF) -> float:
    return min(box.width(), box.height())
