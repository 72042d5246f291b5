"""The legend under the memory map: kinds with their numbers of pages; a click lets a kind stand out."""

from collections.abc import Callable

from PySide6.QtCore import QRectF

from tdxviz.ui.present.memory_map import Layer
from tdxviz.ui.views import map_tiles
from tdxviz.ui.views.stage_brush import CENTRE, Brush

GAP = 6


def words(layer: Layer, code: int) -> str:
    return f"{layer.kinds[code].label} {layer.counts[code]:,}"


def legend_rows(brush: Brush, width: float, layer: Layer, shown: list[int]) -> list[list[int]]:
    """Codes of the kinds, broken into rows of ``width`` pixels."""
    rows: list[list[int]] = [[]]
    x = 0.0
    for code in shown:
        wide = _width(brush, layer, code)
        if rows[-1] and x + wide > width:
            rows.append([])
            x = 0.0
        rows[-1].append(code)
        x += wide + GAP * brush.u
    return rows


def _width(brush: Brush, layer: Layer, code: int) -> float:
    return brush.width(words(layer, code), size=11) + 25 * brush.u


def paint_legend(
    brush: Brush, room: QRectF, rows: list[list[int]], layer: Layer, chosen: frozenset[str],
    put: Callable[[QRectF, int], None],
) -> None:  # fmt: skip
    """``put`` is told where each kind lies."""
    u = brush.u
    for number, row in enumerate(rows):
        pitch = room.height() / len(rows)
        x, y = room.left(), room.top() + number * pitch
        for code in row:
            kind = layer.kinds[code]
            rect = QRectF(x, y + 2 * u, min(_width(brush, layer, code), room.right() - x), pitch - 3 * u)
            on = kind.label in chosen
            if on:
                brush.frame(rect, brush.tint("accent", 0.2), brush.color("accent"), 1.6 * u, 3 * u)
            fill = map_tiles.fill_of(brush, kind, bool(chosen) and not on)
            side = min(rect.height() - 4 * u, 13 * u)
            box = QRectF(x + 4 * u, rect.center().y() - side / 2, side, side)
            brush.frame(box, fill, brush.color("edge"), u, 2 * u)
            ink = map_tiles.ink_on(brush, fill)
            brush.text(
                box.adjusted(-4, 0, 4, 0), kind.letter, ink, mono=True, size=11, bold=True, align=CENTRE
            )
            brush.text(
                rect.adjusted(side + 8 * u, 0, 0, 0),
                words(layer, code),
                "text" if on else "secondary",
                size=11,
            )
            put(rect, code)
            x += rect.width() + GAP * u
