"""Every page has one cell; a point in a cell finds its page; small things survive the overview."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tdxviz.ui.present.map_grid import STEP, grid, pooled, whole

PAGES = 65_536


@given(st.integers(0, PAGES - 1), st.integers(16, 2000), st.integers(1, 60))
def test_a_point_in_a_cell_finds_its_page(page: int, width: int, cell: int) -> None:
    made = grid(PAGES, width, cell)
    x, y = made.place(page)
    assert made.columns % STEP == 0
    assert made.page_at(x, y) == made.page_at(x + made.cell - 0.5, y + made.cell - 0.5) == page
    assert made.page_at(-1, y) is None
    assert made.page_at(made.width, y) is None


@given(st.integers(200, 2000), st.integers(100, 1200))
def test_the_whole_fits_or_is_as_small_as_can_be(width: int, height: int) -> None:
    made = whole(PAGES, width, height)
    assert made.columns * made.rows >= PAGES
    assert made.cell == 1 or (made.width <= width and made.height <= height)


@given(st.integers(0, 30_000), st.integers(20, 900))
def test_the_window_shows_the_rows_in_sight(top: int, room: int) -> None:
    made = grid(PAGES, 600, 18)
    codes = np.arange(PAGES, dtype=np.uint64).astype(np.uint8)
    part, first = made.window(codes, top, room)
    assert part.shape[1] == made.columns
    assert first == min(top // made.cell, made.rows)
    assert (part.ravel() == codes[first * made.columns :][: part.size]).all()


@given(st.integers(0, PAGES - 1), st.integers(8, 600))
def test_one_page_among_65536_is_seen_in_the_overview(page: int, rows: int) -> None:
    codes = np.zeros(PAGES, np.uint8)
    codes[page] = 5
    made = pooled(codes, rows)
    assert made.shape[0] <= max(rows, 1)
    assert (made == 5).sum() == 1
    assert made.size - (made == 0).sum() == 1
