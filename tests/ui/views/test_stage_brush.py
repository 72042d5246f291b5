"""Text that fits, inks that can be read, words that wrap."""

import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from tdxviz.ui.theme import LIGHT, OWNER_HUES, THEMES
from tdxviz.ui.views.stage_brush import Brush, Fonts, contrast, middle, mix


@pytest.fixture
def canvas(qapp):
    image = QImage(300, 120, QImage.Format.Format_RGB32)
    image.fill(QColor("#ffffff"))
    painter = QPainter(image)
    yield image, Brush(painter, LIGHT)
    painter.end()


def test_text_never_leaves_its_rectangle(canvas):
    image, brush = canvas
    wide = brush.text(QRectF(10, 10, 80, 20), "far too many words for eighty pixels")
    assert wide <= 80
    painted = [(x, y) for x in range(300) for y in range(120) if image.pixel(x, y) != 0xFFFFFFFF]
    assert painted
    assert max(x for x, _ in painted) <= 91


def test_no_text_is_smaller_than_eleven_pixels(qapp):
    fonts = Fonts(LIGHT.scaled(0.7))
    for size in (11, 12, 14):
        assert fonts.font((False, size, False))[0].pixelSize() >= 11


def test_wrapping_keeps_to_the_number_of_lines(canvas):
    image, brush = canvas
    brush.wrapped(QRectF(0, 0, 90, 60), "one two three four five six seven eight nine ten", lines=2)
    height = brush.font(False, 12)[1].height()
    below = int(2 * height) + 3
    assert all(image.pixel(x, y) == 0xFFFFFFFF for x in range(300) for y in range(below, 120))


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_ink_on_every_hue_is_readable(qapp, theme):
    image = QImage(4, 4, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    brush = Brush(painter, theme)
    for token in OWNER_HUES:
        if token != "module":
            assert contrast(brush.color(token), brush.ink(token)) >= 4.9, token
    for role in ("inside", "outside", "bad", "good"):
        assert contrast(brush.color(role), brush.ink(role)) >= 4.5, role
    painter.end()


def test_mixing_and_contrast():
    assert mix("#000000", "#ffffff", 0.5).name() == "#808080"
    assert contrast(QColor("#000000"), QColor("#ffffff")) == pytest.approx(21.0)


def test_middle_of_the_longest_stretch():
    points = [QPointF(0, 0), QPointF(0, 10), QPointF(100, 10)]
    assert middle(points) == QPointF(50, 10)
