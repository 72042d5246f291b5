"""A translation look-aside buffer: whole translations (GLA to HPA), tagged by VPID, per logical
processor. Not coherent with the tables: whoever changes those must flush."""

import hashlib
from typing import NamedTuple

from tdxviz.core.units import PAGE, Gla, Gpa, Hkid, Hpa

CAPACITY = 64


class TlbEntry(NamedTuple):
    """One 4 KiB translation. Addresses are page-aligned; ``perms`` is like ``rw-``."""

    vpid: int
    gla: Gla
    gpa: Gpa
    hpa: Hpa
    keyid: Hkid
    perms: str
    shared: bool
    epoch: int


class Tlb:
    """First in, first out."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, Gla], TlbEntry] = {}

    def lookup(self, vpid: int, gla: Gla) -> TlbEntry | None:
        return self._entries.get((vpid, gla & -PAGE))

    def fill(self, entry: TlbEntry) -> None:
        self._entries.pop((entry.vpid, entry.gla), None)
        if len(self._entries) >= CAPACITY:
            del self._entries[next(iter(self._entries))]
        self._entries[entry.vpid, entry.gla] = entry

    def flush(self, vpid: int | None = None, gla: Gla | None = None) -> int:
        """Drop all entries, those of one tag, or one page of one tag. Returns how many went."""
        page = None if gla is None else gla & -PAGE
        gone = [
            key
            for key in self._entries
            if (vpid is None or key[0] == vpid) and (page is None or key[1] == page)
        ]
        for key in gone:
            del self._entries[key]
        return len(gone)

    def entries(self) -> tuple[TlbEntry, ...]:
        """Oldest first."""
        return tuple(self._entries.values())

    def copy(self) -> "Tlb":
        twin = Tlb()
        twin._entries = self._entries.copy()
        return twin

    def digest(self, h: "hashlib._Hash") -> None:
        h.update(repr(list(self._entries.values())).encode())
