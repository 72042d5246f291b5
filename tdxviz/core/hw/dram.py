"""What the memory chips hold: 64-byte lines with their metadata, sparse, copied on write by page."""

import hashlib
from typing import NamedTuple, Protocol

from tdxviz.core.units import LINE, PAGE, Hpa

LINES = PAGE // LINE


class Line(NamedTuple):
    """``data`` is what lies in the chips (ciphertext where memory is encrypted); ``mac``, ``owner``
    and ``poison`` lie beside it in the metadata (ECC) bits."""

    data: bytes
    mac: int
    owner: bool
    poison: bool


class WholePage(Protocol):
    """A page that was written whole and whose lines are worked out when somebody looks. It never
    changes: whoever writes one line of it replaces it by its lines."""

    def line(self, number: int) -> Line:
        """One of the 64 lines."""
        ...

    def lines(self) -> list[Line]:
        """All of them, in a list of the caller's own."""
        ...


class Dram:
    """A line that was never written is absent. Copies share pages until one of them writes."""

    def __init__(self, size: int, chips: int = 0) -> None:
        """``size``: bytes of address space that the modules claim; ``chips``: bytes that are there.
        When they claim more, addresses beyond the chips fall on the same cells again."""
        self.size = size
        self.chips = chips or size
        self._pages: dict[Hpa, list[Line | None] | WholePage] = {}
        self._mine: set[Hpa] = set()
        """Pages that are lists which no copy shares."""
        self._hashes: dict[Hpa, bytes] = {}

    def line(self, hpa: Hpa) -> Line | None:
        if hpa >= self.chips:
            hpa %= self.chips
        page = self._pages.get(hpa & -PAGE)
        if page is None:
            return None
        number = (hpa & PAGE - 1) // LINE
        return page[number] if isinstance(page, list) else page.line(number)

    def whole(self, hpa: Hpa) -> WholePage | None:
        """The page at ``hpa``, if it was written whole and no line of it since."""
        page = self._pages.get(hpa % self.chips)
        return None if isinstance(page, list) else page

    def put(self, hpa: Hpa, line: Line) -> None:
        """Beyond ``size`` there are no chips: a write there is lost."""
        if not 0 <= hpa < self.size:
            return
        hpa %= self.chips
        base = hpa & -PAGE
        own = self._pages.get(base)
        if base not in self._mine or not isinstance(own, list):
            own = self._pages[base] = _lines(own)
            self._mine.add(base)
        own[(hpa & PAGE - 1) // LINE] = line
        self._hashes.pop(base, None)

    def put_page(self, hpa: Hpa, page: WholePage) -> None:
        """Replace all 64 lines of the page at ``hpa``."""
        if not 0 <= hpa < self.size:
            return
        hpa %= self.chips
        self._pages[hpa] = page
        self._mine.discard(hpa)
        self._hashes.pop(hpa, None)

    def pages(self) -> tuple[Hpa, ...]:
        """Every page of which at least one line was written, in no particular order."""
        return tuple(self._pages)

    def copy(self) -> "Dram":
        twin = Dram(self.size, self.chips)
        twin._pages = self._pages.copy()
        twin._hashes = self._hashes.copy()
        self._mine = set()
        return twin

    def digest(self, h: "hashlib._Hash") -> None:
        """Feed the whole content in address order."""
        for base in sorted(self._pages):
            found = self._hashes.get(base)
            if found is None:
                found = self._hashes[base] = _hash(_lines(self._pages[base]))
            h.update(base.to_bytes(8, "little"))
            h.update(found)


def _lines(page: "list[Line | None] | WholePage | None") -> list[Line | None]:
    """A list of one's own."""
    if page is None:
        return [None] * LINES
    return [*page] if isinstance(page, list) else [*page.lines()]


def _hash(lines: list[Line | None]) -> bytes:
    return hashlib.sha256(b"".join([_bytes(line) for line in lines])).digest()


def _bytes(line: Line | None) -> bytes:
    if line is None:
        return b"\x00"
    data, mac, owner, poison = line
    return b"\x01" + data + mac.to_bytes(4, "little") + bytes((owner, poison))
