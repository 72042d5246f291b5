"""The last-level cache: plaintext lines tagged by address AND KeyID, set-associative, write-back.

One memory line under two KeyIDs is two entries; nothing keeps them coherent (rule R7).
"""

import hashlib
from typing import NamedTuple

import msgspec

from tdxviz.core.units import LINE, PAGE, Hkid, Hpa, split_keyid, with_keyid

SETS = 256
WAYS = 8
SUB_BLOCKS = 4
"""IA32_WBNOINVDP writes back the sets of one sub-block at a time."""


class CacheLine(msgspec.Struct, frozen=True, gc=False):
    data: bytes
    dirty: bool
    package: int = 0
    """Whose core wrote it last: only that package's write-back reaches it while it is dirty."""


class Evicted(NamedTuple):
    hpa: Hpa
    keyid: Hkid
    line: CacheLine


class Cache:
    """``lines`` maps the full physical address (KeyID included) to the line; read it freely."""

    def __init__(self) -> None:
        self.lines: dict[int, CacheLine] = {}
        self.package = 0
        """The package that acts now; set anew by every command, no state."""
        self._sets: dict[int, tuple[int, ...]] = {}
        """Set number -> tags, least recently filled first."""
        self.changes = 0
        """Counts lines coming and going; not part of the state."""

    def lookup(self, hpa: Hpa, keyid: Hkid) -> CacheLine | None:
        return self.lines.get(with_keyid(hpa, keyid))

    def tags(self, hpa: Hpa) -> list[int]:
        """Full physical addresses of the copies of one line, under whatever KeyIDs."""
        ways = self._sets.get(hpa // LINE % SETS, ())
        return [tag for tag in ways if split_keyid(tag)[0] == hpa]

    def fill(self, hpa: Hpa, keyid: Hkid, data: bytes) -> tuple[int, int, Evicted | None]:
        """Take a clean line. Returns set, way, and the line that had to go."""
        self.changes += 1
        tag, number = with_keyid(hpa, keyid), hpa // LINE % SETS
        ways = self._sets.get(number, ())
        evicted: Evicted | None = None
        if tag not in ways:
            if len(ways) >= WAYS:
                old = ways[0]
                evicted = Evicted(*split_keyid(old), self.lines.pop(old))
                ways = ways[1:]
            self._sets[number] = ways = (*ways, tag)
        self.lines[tag] = CacheLine(data, False)
        return number, ways.index(tag), evicted

    def fill_page(self, hpa: Hpa, keyid: Hkid, data: bytes, found: list[bytes]) -> Evicted | None:
        """Go on reading a page of which ``found`` holds the first lines: what is present as it is,
        the rest filled from ``data``. Stops early when a dirty line had to go, and returns it."""
        self.changes += 1
        lines, sets = self.lines, self._sets
        first = with_keyid(hpa, keyid)
        for offset in range(len(found) * LINE, PAGE, LINE):
            tag = first + offset
            line = lines.get(tag)
            if line is not None:
                found.append(line.data)
                continue
            piece = data[offset : offset + LINE]
            found.append(piece)
            number = tag // LINE % SETS
            ways = sets.get(number)
            if ways is None or len(ways) < WAYS:
                sets[number] = (tag,) if ways is None else (*ways, tag)
                lines[tag] = CacheLine(piece, False)
                continue
            evicted = self.fill(hpa + offset, keyid, piece)[2]
            if evicted is not None and evicted.line.dirty:
                return evicted
        return None

    def write(self, hpa: Hpa, keyid: Hkid, data: bytes) -> None:
        """Replace the content of a line that is present; memory does not change yet."""
        self.lines[with_keyid(hpa, keyid)] = CacheLine(data, True, self.package)

    def clean(self, package: int, block: int) -> list[Evicted]:
        """Dirty lines of one package in one sub-block, in set order; they are clean from now on."""
        span = SETS // SUB_BLOCKS
        found = []
        for number in range(block * span, (block + 1) * span):
            for tag in self._sets.get(number, ()):
                line = self.lines[tag]
                if line.dirty and line.package == package:
                    found.append(Evicted(*split_keyid(tag), line))
                    self.lines[tag] = CacheLine(line.data, False, line.package)
        return found

    def cleaned(self, hpa: Hpa, keyid: Hkid) -> None:
        """The line was written to memory and stays."""
        tag = with_keyid(hpa, keyid)
        self.lines[tag] = CacheLine(self.lines[tag].data, False, self.package)

    def drop(self, hpa: Hpa, keyid: Hkid) -> CacheLine | None:
        """Forget a line without write-back; returns it."""
        tag, number = with_keyid(hpa, keyid), hpa // LINE % SETS
        line = self.lines.pop(tag, None)
        self.changes += 1
        if line is not None:
            self._forget(number, tag)
        return line

    def drop_page(self, hpa: Hpa, keyid: Hkid) -> None:
        """Forget all lines of a 4 KiB page without write-back."""
        first, pop, sets = with_keyid(hpa, keyid), self.lines.pop, self._sets
        tags = range(first, first + PAGE, LINE)
        if self.lines.keys().isdisjoint(tags):
            return
        for tag in tags:
            if pop(tag, None) is not None:
                self.changes += 1
                number = tag // LINE % SETS
                if len(sets[number]) == 1:
                    del sets[number]
                else:
                    self._forget(number, tag)

    def _forget(self, number: int, tag: int) -> None:
        ways = self._sets[number]
        if len(ways) == 1:
            del self._sets[number]
        else:
            self._sets[number] = tuple([t for t in ways if t != tag])

    def clear(self) -> None:
        self.changes += 1
        self.lines.clear()
        self._sets.clear()

    def copy(self) -> "Cache":
        twin = Cache()
        twin.lines = self.lines.copy()
        twin._sets = self._sets.copy()
        return twin

    def digest(self, h: "hashlib._Hash") -> None:
        for number in sorted(self._sets):
            for tag in self._sets[number]:
                line = self.lines[tag]
                h.update(tag.to_bytes(8, "little") + line.data + bytes([line.dirty, line.package]))
