"""Locks of the module, as far as a caller can notice them.

The module never waits: whoever finds a lock taken returns BUSY at once. Locks are held for as long
as a logical processor is inside the module, those of TDH.VP.ENTER until the TD exit.
Source: tdx-architecture 2.3, 7.3, 9.1.
"""

from typing import NamedTuple


class Lock(NamedTuple):
    """``kind``: PAMT (``at`` = HPA, ``span`` = bytes), SEPT_TREE, OP_STATE, TD_EPOCH (``at`` = TDR),
    SEPT_ENTRY (``at`` = HPA of the entry), WBCACHE (``at`` = package), KOT, KET, SYS, TDMR, ..."""

    kind: str
    at: int = 0
    span: int = 1
    exclusive: bool = False

    def __str__(self) -> str:
        where = f" {self.at:#x}" if self.at else ""
        return f"{self.kind}{where} {'exclusive' if self.exclusive else 'shared'}"

    def excludes(self, other: "Lock") -> bool:
        """Whether the two cannot be held at the same time by two holders."""
        if self.kind != other.kind or not (self.exclusive or other.exclusive):
            return False
        return self.at < other.at + other.span and other.at < self.at + self.span


class Inside(NamedTuple):
    """A call that is still inside the module: its leaf, its registers, what it has locked."""

    name: str
    regs: tuple[tuple[str, int], ...]
    locks: tuple[Lock, ...]
    passed: int = 0
    """Checks behind it."""
    seen: tuple[tuple[str, int], ...] = ()
    """What it has read and goes on with, whatever stands there by then."""
