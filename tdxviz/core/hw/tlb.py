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
    user: str = "---"
    """What code at CPL 3 may do."""


class Tlb:
    """First in, first out."""

    def __init__(self) -> None:
        self.by_page: dict[tuple[int, Gla], TlbEntry] = {}
        """(VPID, page) -> entry, oldest first; read it freely."""
        self.changes = 0
        """Counts whatever may make a remembered lookup wrong; not part of the state."""

    def lookup(self, vpid: int, gla: Gla) -> TlbEntry | None:
        return self.by_page.get((vpid, gla & -PAGE))

    def fill(self, entry: TlbEntry) -> None:
        self.changes += 1
        self.by_page.pop((entry.vpid, entry.gla), None)
        if len(self.by_page) >= CAPACITY:
            del self.by_page[next(iter(self.by_page))]
        self.by_page[entry.vpid, entry.gla] = entry

    def flush(self, vpid: int | None = None, gla: Gla | None = None) -> int:
        """Drop all entries, those of one tag, or one page of one tag. Returns how many went."""
        self.changes += 1
        page = None if gla is None else gla & -PAGE
        gone = [
            key
            for key in self.by_page
            if (vpid is None or key[0] == vpid) and (page is None or key[1] == page)
        ]
        for key in gone:
            del self.by_page[key]
        return len(gone)

    def entries(self) -> tuple[TlbEntry, ...]:
        """Oldest first."""
        return tuple(self.by_page.values())

    def copy(self) -> "Tlb":
        twin = Tlb()
        twin.by_page = self.by_page.copy()
        return twin

    def digest(self, h: "hashlib._Hash") -> None:
        h.update(repr(list(self.by_page.values())).encode())
