"""Painting helpers leave ink where they say and nowhere else."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from tdxviz.ui.theme import OWNER_HUES, THEMES
from tdxviz.ui.widgets import paint

EMPTY = QColor("#123456")


@pytest.fixture
def canvas(qtbot):
    image = QImage(300, 80, QImage.Format.Format_RGB32)
    image.fill(EMPTY)
    painter = QPainter(image)
    yield image, painter
    if painter.isActive():
        painter.end()


def inked(image: QImage, rect: QRectF) -> int:
    """How many pixels inside ``rect`` are no longer empty."""
    area = rect.toRect()
    return sum(
        image.pixelColor(x, y) != EMPTY
        for x in range(max(area.left(), 0), min(area.right(), image.width() - 1) + 1)
        for y in range(max(area.top(), 0), min(area.bottom(), image.height() - 1) + 1)
    )


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_a_title_row_stays_in_its_room(canvas, theme) -> None:
    image, painter = canvas
    below = paint.title_row(painter, theme, QRectF(0, 0, 150, 80), "A very long title " * 4, "detail", "K")
    painter.end()
    assert 0 < below < 40
    assert inked(image, QRectF(0, 0, 150, below)) > 50
    assert inked(image, QRectF(151, 0, 149, 80)) == 0


@pytest.mark.parametrize("owner", OWNER_HUES)
def test_an_owner_chip_says_how_much_room_it_took(canvas, owner: str) -> None:
    image, painter = canvas
    rect = paint.owner_chip(painter, THEMES["light"], QPointF(20, 20), owner)
    painter.end()
    assert rect.topLeft() == QPointF(20, 20)
    assert inked(image, rect) == inked(image, QRectF(0, 0, 300, 80)) > 20


def test_an_arrow_of_no_length_draws_nothing(canvas) -> None:
    image, painter = canvas
    paint.arrow(painter, THEMES["dark"], QPointF(50, 40), QPointF(50, 40), "#FF0000")
    painter.end()
    assert inked(image, QRectF(0, 0, 300, 80)) == 0


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_tints_lie_between_the_hue_and_the_panel(theme) -> None:
    assert paint.owner_tint(theme, "td_a", 0.0) == QColor(theme.panel)
    assert paint.owner_tint(theme, "td_a", 1.0) == QColor(OWNER_HUES["td_a"][0])
