"""What the memory chips hold: 64-byte lines with their metadata, sparse, copied on write by page."""

import hashlib
from typing import NamedTuple

from tdxviz.core.units import LINE, PAGE, Hpa

LINES = PAGE // LINE


class Line(NamedTuple):
    """``data`` is what lies in the chips (ciphertext where memory is encrypted); ``mac``, ``owner``
    and ``poison`` lie beside it in the metadata (ECC) bits."""

    data: bytes
    mac: int
    owner: bool
    poison: bool


class Dram:
    """A line that was never written is absent. Copies share pages until one of them writes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._pages: dict[Hpa, list[Line | None]] = {}
        self._mine: set[Hpa] = set()
        self._hashes: dict[Hpa, bytes] = {}

    def line(self, hpa: Hpa) -> Line | None:
        page = self._pages.get(hpa & -PAGE)
        return None if page is None else page[hpa % PAGE // LINE]

    def put(self, hpa: Hpa, line: Line) -> None:
        """Beyond ``size`` there are no chips: a write there is lost."""
        if not 0 <= hpa < self.size:
            return
        base = hpa & -PAGE
        if base not in self._mine:
            self._pages[base] = list(self._pages.get(base) or [None] * LINES)
            self._mine.add(base)
        self._pages[base][hpa % PAGE // LINE] = line
        self._hashes.pop(base, None)

    def pages(self) -> tuple[Hpa, ...]:
        """Every page of which at least one line was written, in no particular order."""
        return tuple(self._pages)

    def copy(self) -> "Dram":
        twin = Dram(self.size)
        twin._pages = self._pages.copy()
        twin._hashes = self._hashes.copy()
        self._mine = set()
        return twin

    def digest(self, h: "hashlib._Hash") -> None:
        """Feed the whole content in address order."""
        for base in sorted(self._pages):
            found = self._hashes.get(base)
            if found is None:
                found = hashlib.sha256(repr(self._pages[base]).encode()).digest()
                self._hashes[base] = found
            h.update(base.to_bytes(8, "little"))
            h.update(found)
