"""Rows of small frames to choose from: overlays, TDs, machines, processors."""

from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QRectF

from tdxviz.ui.views.stage_brush import CENTRE, Brush

Choice = tuple[str, bool, Callable[[], Any], str]
"""Words, whether it is the chosen one, what a click does, tooltip."""


def choices(
    brush: Brush, area: QRectF, row: Iterable[Choice], put: Callable[[QRectF, Callable[[], Any], str], None]
) -> float:
    """Paint them from the left, over several lines if need be; the y below them."""
    u, x, y = brush.u, area.left(), area.top() + brush.u
    high = brush.font(False, 12)[1].height() + 5 * u
    for words, on, act, tooltip in row:
        width = min(brush.width(words, size=12, bold=on) + 14 * u, area.width())
        if x + width > area.right() and x > area.left():
            x, y = area.left(), y + high + 3 * u
        rect = QRectF(x, y, width, high)
        fill = brush.tint("accent", 0.25) if on else brush.color("panel")
        brush.frame(rect, fill, brush.color("edge" if on else "rule"), (1.8 if on else 1) * u, 4 * u)
        brush.text(rect, words, size=12, bold=on, align=CENTRE)
        put(rect, act, tooltip)
        x += width + 4 * u
    return y + high
