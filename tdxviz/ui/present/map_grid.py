"""Where pages lie on the memory map: rows of a multiple of 16 pages, cells of whole pixels."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
STEP = 16
"""Columns come in sixteens: a row then starts at an address that ends in four zeros."""
MOST_COLUMNS = 512
STRIP_COLUMNS = 16
GROW_FROM = 8


@dataclass(frozen=True, slots=True)
class Grid:
    """``cell`` pixels a page, ``columns`` pages a row, ``pages`` in all."""

    cell: int
    columns: int
    pages: int

    @property
    def rows(self) -> int:
        return -(-self.pages // self.columns)

    @property
    def width(self) -> int:
        return self.columns * self.cell

    @property
    def height(self) -> int:
        return self.rows * self.cell

    def place(self, page: int) -> tuple[int, int]:
        """Left upper corner of a page's cell, in pixels from that of page 0."""
        row, column = divmod(page, self.columns)
        return column * self.cell, row * self.cell

    def page_at(self, x: float, y: float) -> int | None:
        if not (0 <= x < self.width and 0 <= y < self.height):
            return None
        page = int(y // self.cell) * self.columns + int(x // self.cell)
        return page if page < self.pages else None

    def window(self, codes: Codes, top: float, room: float) -> tuple[Codes, int]:
        """The rows that show through a window ``room`` pixels high, and the number of the first."""
        first = max(int(top // self.cell), 0)
        last = min(int((top + room) // self.cell) + 1, self.rows)
        part = codes[first * self.columns : last * self.columns]
        missing = (last - first) * self.columns - len(part)
        if missing > 0:
            part = np.concatenate([part, np.zeros(missing, np.uint8)])
        return part.reshape(-1, self.columns), first


def grid(pages: int, width: float, cell: int) -> Grid:
    """As many columns as ``width`` has room for; cells of letters grow to use the rest of it."""
    columns = min(max(int(width // cell) // STEP * STEP, STEP), MOST_COLUMNS)
    if cell >= GROW_FROM:
        cell = max(min(int(width // columns), cell * 3 // 2), cell)
    return Grid(cell, columns, pages)


@lru_cache(64)
def whole(pages: int, width: float, height: float) -> Grid:
    """The largest cells with which all pages show at once; one pixel if they never do."""
    for cell in range(max(int(width // STEP), 1), 1, -1):
        made = grid(pages, width, cell)
        if made.height <= height and made.width <= width:
            return made
    return grid(pages, width, 1)


def pooled(codes: Codes, rows: int) -> Codes:
    """All pages in ``rows`` rows or fewer, sixteen cells each: of the pages in a cell the one with
    the rarest code shows, so that a small guest is not lost. Shape: (rows, 16)."""
    block = 1
    while len(codes) > block * STRIP_COLUMNS * max(rows, 1):
        block *= 2
    counts = np.bincount(codes, minlength=256)
    rank = np.empty(256, np.uint8)
    order = np.argsort(-counts, kind="stable").astype(np.uint8)
    rank[order] = np.arange(256, dtype=np.uint8)
    present = np.where(counts > 0, rank, 0)[codes]
    whole_blocks = -(-len(codes) // (block * STRIP_COLUMNS)) * block * STRIP_COLUMNS
    padded = np.zeros(whole_blocks, np.uint8)
    padded[: len(codes)] = present
    best = padded.reshape(-1, block).max(axis=1)
    return order[best].reshape(-1, STRIP_COLUMNS)
