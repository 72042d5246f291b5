"""The film bar: notches, labels that fit, lengths that count stills."""

import itertools

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPixmap

from tdxviz.ui.present.films import film_at
from tdxviz.ui.theme import LIGHT
from tdxviz.ui.views import stage_film
from tdxviz.ui.views.stage_brush import Brush
from tests.ui import stage_samples as s

AREA = QRectF(10, 300, 880, 54)


@pytest.fixture
def brush(qapp):
    pixmap = QPixmap(4, 4)
    painter = QPainter(pixmap)
    yield Brush(painter, LIGHT)
    painter.end()


def test_one_notch_a_still_in_order():
    film = film_at(s.guest_miss(), 7)
    bar = stage_film.bar(AREA, 1.0, film)
    xs = [notch.x() for notch in bar.notches]
    assert len(xs) == 7
    assert xs == sorted(xs)
    assert xs[-1] < bar.count.left()
    assert all(not a.intersects(b) for n, a in enumerate(bar.buttons.values())
               for b in list(bar.buttons.values())[n + 1 :])  # fmt: skip


def test_a_hit_is_as_much_shorter_as_it_has_fewer_stills():
    full = stage_film.bar(AREA, 1.0, film_at(s.guest_miss(), 7)).track.width()
    hit = stage_film.bar(AREA, 1.0, film_at(s.guest_hit(), 4)).track.width()
    assert hit == pytest.approx(full * 3 / 6)


@pytest.mark.parametrize("width", [420, 620, 880, 1900])
def test_labels_never_overlap(brush, width):
    film = film_at(s.guest_walk(), len(s.guest_walk()))
    bar = stage_film.bar(QRectF(10, 0, width, 54), 1.0, film)
    for now in range(len(film.stills)):
        words = stage_film.fitting(brush, bar, film, now)
        assert words[now]
        spans = [stage_film._span(brush, bar, n, w, n == now) for n, w in enumerate(words) if w]
        assert all(a.right() <= b.left() for a, b in itertools.pairwise(spans))


def test_wide_bars_spell_everything_out(brush):
    film = film_at(s.guest_miss(), 7)
    bar = stage_film.bar(QRectF(0, 0, 1800, 54), 1.0, film)
    assert stage_film.fitting(brush, bar, film, 3) == [still.label for still in film.stills]


def test_without_a_film_there_is_a_bar_with_one_notch():
    assert len(stage_film.bar(AREA, 1.0, None).notches) == 1
