"""One small picture a kind of page, and the map put together from them by one NumPy look-up."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QImage

from tdxviz.ui.present.map_grid import Codes
from tdxviz.ui.present.memory_map import Kind
from tdxviz.ui.theme import Theme
from tdxviz.ui.views.stage_brush import CENTRE, Brush, Fonts, contrast, mix
from tdxviz.ui.widgets.painting import painting

Pixels = npt.NDArray[np.uint32]
LETTERS_FROM = 14
"""Cells of so many pixels at 100 % carry their kind's letter."""
GAPS_FROM = 5
"""Cells of so many pixels stand apart."""
DIMMED = 0.88


def fill_of(brush: Brush, kind: Kind, dim: bool) -> QColor:
    """The colour of a kind; the ground is the window's, what the filter leaves out fades."""
    ground = brush.color("panel")
    hue = brush.color("bg") if kind.role == "free" else mix(ground, brush.color(kind.role), kind.share)
    return mix(hue, ground, DIMMED) if dim else hue


def ink_on(brush: Brush, fill: QColor) -> QColor:
    """Text on ``fill`` that can be read."""
    inks = (QColor("#FFFFFF"), QColor("#000000"))
    return max(inks, key=lambda ink: contrast(fill, ink))


def colours(brush: Brush, kinds: tuple[Kind, ...], dims: Callable[[int], bool]) -> Pixels:
    """0xFFRRGGBB of every kind: the look-up table of a map without letters."""
    return np.array([fill_of(brush, kind, dims(n)).rgb() for n, kind in enumerate(kinds)], np.uint32)


def tiles(
    theme: Theme, fonts: Fonts, kinds: tuple[Kind, ...], cell: int, dims: Callable[[int], bool], ratio: int
) -> Pixels:  # fmt: skip
    """A square of ``cell`` pixels a kind, with its letter where it is large enough. Shape: (kinds, side, side)."""
    side = cell * ratio
    sheet = QImage(side * len(kinds), side, QImage.Format.Format_RGB32)
    with painting(sheet) as painter:
        brush = Brush(painter, theme, fonts)
        painter.fillRect(sheet.rect(), brush.color("panel"))
        painter.scale(ratio, ratio)
        for number, kind in enumerate(kinds):
            _tile(brush, QRectF(number * cell, 0, cell, cell), kind, dims(number))
    flat = np.frombuffer(sheet.constBits(), np.uint32).reshape(side, len(kinds), side)
    return flat.transpose(1, 0, 2).copy()


def _tile(brush: Brush, rect: QRectF, kind: Kind, dim: bool) -> None:
    gap = 1.0 if rect.width() >= GAPS_FROM else 0.0
    box = rect.adjusted(0, 0, -gap, -gap)
    fill = fill_of(brush, kind, dim)
    brush.p.fillRect(box, fill)
    if kind.role == "free" and rect.width() >= 8:
        brush.p.fillRect(
            box, QBrush(mix(brush.color("bg"), brush.color("rule"), 0.55), Qt.BrushStyle.BDiagPattern)
        )
    if kind.letter and rect.width() >= LETTERS_FROM * brush.u:
        ink = ink_on(brush, fill) if not dim else brush.color("rule")
        size = 12 if rect.width() >= 18 * brush.u else 11
        brush.text(box.adjusted(-4, 0, 4, 0), kind.letter, ink, mono=True, size=size, bold=True, align=CENTRE)


def picture(looks: Pixels, codes: Codes) -> QImage:
    """The map of ``codes``, shape (rows, columns): from colours one pixel a page, from tiles whole cells."""
    pixels = looks[codes]
    if pixels.ndim == 4:
        rows, columns, side, _ = pixels.shape
        pixels = pixels.transpose(0, 2, 1, 3).reshape(rows * side, columns * side)
    pixels = np.ascontiguousarray(pixels)
    high, wide = pixels.shape
    return QImage(pixels.data, wide, high, wide * 4, QImage.Format.Format_RGB32).copy()
