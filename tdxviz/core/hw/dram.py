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


class Area(Protocol):
    """A stretch of lines that were written as one, worked out when somebody looks. Never changes."""

    low: Hpa
    high: Hpa

    def line(self, hpa: Hpa) -> Line: ...
    def digest(self, h: "hashlib._Hash") -> None: ...


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
        self.extent = object()
        """Another one whenever a page was written for the first time; shared by copies, no state."""
        self._hashes: dict[Hpa, bytes] = {}
        self._areas: tuple[Area, ...] = ()
        """What lies under the lines that were never written one by one."""
        self._bounds = (0, 0)
        self._intact: dict[Hpa, Line] = {}
        """Lines as their ECC knows them, where a bit in the chips has flipped since."""
        self.disturbed = False
        """Whether a line inside an area was written since; follows from the rest."""

    def line(self, hpa: Hpa) -> Line | None:
        if hpa >= self.chips:
            hpa %= self.chips
        page = self._pages.get(hpa & -PAGE)
        if page is None:
            return self._beneath(hpa)
        number = (hpa & PAGE - 1) // LINE
        if not isinstance(page, list):
            return page.line(number)
        line = page[number]
        return self._beneath(hpa) if line is None else line

    def _beneath(self, hpa: Hpa) -> Line | None:
        if not self._bounds[0] <= hpa < self._bounds[1]:
            return None
        for area in self._areas:
            if area.low <= hpa < area.high:
                return area.line(hpa)
        return None

    def touched(self, hpa: Hpa) -> bool:
        """Whether any line of the page around it was written, by itself or with its page."""
        return hpa % self.chips & -PAGE in self._pages

    def own_line(self, hpa: Hpa) -> bool:
        """Whether somebody wrote this very line, by itself or with its page."""
        hpa %= self.chips
        page = self._pages.get(hpa & -PAGE)
        return page is not None and (not isinstance(page, list) or page[(hpa & PAGE - 1) // LINE] is not None)

    def whole(self, hpa: Hpa) -> WholePage | None:
        """The page at ``hpa``, if it was written whole and no line of it since."""
        page = self._pages.get(hpa % self.chips)
        return None if isinstance(page, list) else page

    def put(self, hpa: Hpa, line: Line) -> None:
        """Beyond ``size`` there are no chips: a write there is lost."""
        if not 0 <= hpa < self.size:
            return
        hpa %= self.chips
        if self._bounds[0] <= hpa < self._bounds[1]:
            self._disturb(hpa, LINE)
        base = hpa & -PAGE
        own = self._pages.get(base)
        if own is None:
            self.extent = object()
        if base not in self._mine or not isinstance(own, list):
            own = self._pages[base] = _lines(own)
            self._mine.add(base)
        own[(hpa & PAGE - 1) // LINE] = line
        self._hashes.pop(base, None)
        if self._intact:
            self._forget_errors(hpa, LINE)

    def put_page(self, hpa: Hpa, page: WholePage) -> None:
        """Replace all 64 lines of the page at ``hpa``."""
        if not 0 <= hpa < self.size:
            return
        hpa %= self.chips
        if self._bounds[0] <= hpa < self._bounds[1]:
            self._disturb(hpa, PAGE)
        if hpa not in self._pages:
            self.extent = object()
        self._pages[hpa] = page
        self._mine.discard(hpa)
        self._hashes.pop(hpa, None)
        if self._intact:
            self._forget_errors(hpa, PAGE)

    def cover(self, area: Area) -> None:
        """An area that was just written whole; it takes the place of one that begins at the same line. Lines
        in it that were written one by one must be written anew by the caller."""
        if self._intact:
            self._forget_errors(area.low, area.high - area.low)
        others = tuple(one for one in self._areas if one.low != area.low)
        self._areas = (*others, area)
        self._bounds = min(one.low for one in self._areas), max(one.high for one in self._areas)

    def bend(self, hpa: Hpa, line: Line) -> None:
        """One bit of a line is another now, and its ECC is as it was."""
        intact = self.intact(hpa) or self.line(hpa)
        self.put(hpa, line)
        if intact is not None:
            self._intact[hpa % self.chips] = intact

    def intact(self, hpa: Hpa) -> Line | None:
        """The line that ECC makes of what the chips hold; None where the two agree."""
        return self._intact.get(hpa % self.chips) if self._intact else None

    def _forget_errors(self, hpa: Hpa, size: int) -> None:
        self._intact = {at: line for at, line in self._intact.items() if not hpa <= at < hpa + size}

    def _disturb(self, hpa: Hpa, size: int) -> None:
        self.disturbed |= any(one.low < hpa + size and hpa < one.high for one in self._areas)

    def pages(self) -> tuple[Hpa, ...]:
        """Every page of which at least one line was written, in no particular order."""
        return tuple(self._pages)

    def copy(self) -> "Dram":
        twin = Dram(self.size, self.chips)
        twin._pages = self._pages.copy()
        twin._hashes, twin.extent = self._hashes.copy(), self.extent
        twin._intact = self._intact.copy()
        twin._areas, twin._bounds, twin.disturbed = self._areas, self._bounds, self.disturbed
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
        for area in self._areas:
            area.digest(h)
        for at, line in sorted(self._intact.items()):
            h.update(at.to_bytes(8, "little") + _bytes(line))


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
