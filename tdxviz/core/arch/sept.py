"""Secure EPT entries: states, their seven scattered bits, and how an entry is made.

Sources: tdx-architecture 7.2; sept_states.json (module source sept_state_lookup, x86_defs).
"""

from typing import NamedTuple

from tdxviz.core.units import Hpa


class SeptState(NamedTuple):
    code: int
    public: int
    leaf: bool
    perms: str
    tracked: bool


STATES: dict[str, SeptState] = {
    "FREE": SeptState(0x0E, 0, False, "---", False),
    "REMOVED": SeptState(0x0C, 5, False, "---", False),
    "NL_MAPPED": SeptState(0x00, 132, False, "rwx", True),
    "NL_BLOCKED": SeptState(0x08, 129, False, "---", True),
    "MAPPED": SeptState(0x60, 4, True, "rwx", True),
    "BLOCKED": SeptState(0x68, 1, True, "---", True),
    "BLOCKEDW": SeptState(0x64, 8, True, "r-x", True),
    "EXPORTED_BLOCKEDW": SeptState(0x66, 9, True, "r-x", False),
    "EXPORTED_DIRTY": SeptState(0x63, 11, True, "rwx", True),
    "EXPORTED_DIRTY_BLOCKEDW": SeptState(0x67, 12, True, "r-x", True),
    "PENDING": SeptState(0x70, 2, True, "---", True),
    "PENDING_BLOCKED": SeptState(0x78, 3, True, "---", True),
    "PENDING_BLOCKEDW": SeptState(0x74, 16, True, "---", True),
    "PENDING_EXPORTED_BLOCKEDW": SeptState(0x76, 17, True, "---", False),
    "PENDING_EXPORTED_DIRTY": SeptState(0x73, 19, True, "---", True),
    "PENDING_EXPORTED_DIRTY_BLOCKEDW": SeptState(0x77, 20, True, "---", True),
}

PERMS = {name: state.perms for name, state in STATES.items()}
PUBLIC = {name: state.public for name, state in STATES.items()}
_NAMES = {state.code: name for name, state in STATES.items()}

SUPPRESS_VE = 1 << 63
WRITE_BACK = 6 << 3
FRAME = 0x000F_FFFF_FFFF_F000


HOST_PRIORITY = 1 << 52
"""Set by a host call that finds the entry locked: the next lock is the host's."""
PENDING = 1 << 56
PROGRESS_SHIFT, PROGRESS = 12, 511 << 12
"""Pages of 4 KiB that TDG.MEM.PAGE.ACCEPT has zeroed so far of a pending 2 MiB page."""


NON_LEAF = ("NL_MAPPED", "NL_BLOCKED")
ALIASES = 7 << 58


def alias(vm: int) -> int:
    """The flag of an entry that leads to a table: L2 VM ``vm`` has one there too."""
    return 1 << 57 + vm


def progress_of(entry: int, level: int) -> int:
    """Pages accepted so far, 0 for an entry that is no pending 2 MiB page."""
    return (entry & PROGRESS) >> PROGRESS_SHIFT if level == 1 and entry & PENDING else 0


def code_of(entry: int) -> int:
    """The 7-bit state: bit 0 = entry bit 9, bits 4:1 = bits 56:53, bits 6:5 = bits 7:6."""
    return entry >> 9 & 1 | (entry >> 53 & 15) << 1 | (entry >> 6 & 3) << 5


def state_of(entry: int) -> str:
    """State name; ``CORRUPT`` for codes that the module never writes."""
    return _BY_BITS.get(entry & _STATE_BITS, "CORRUPT")


_STATE_BITS = 1 << 9 | 15 << 53 | 3 << 6
_BY_BITS = {
    (code & 1) << 9 | (code >> 1 & 15) << 53 | (code >> 5 & 3) << 6: name for code, name in _NAMES.items()
}
"""The bits of an entry that make its state, where they lie in the entry."""


def frame(entry: int) -> Hpa:
    return entry & FRAME


def page_of(entry: int, level: int) -> Hpa:
    """The page or table that an entry names, whatever an ACCEPT has noted there."""
    return entry & (FRAME & ~PROGRESS if progress_of(entry, level) else FRAME)


RWX, LEAF_BIT, IPAT = 7, 1 << 7, 1 << 6
SHOWN_OF_LEAF = RWX | 7 << 3 | IPAT | LEAF_BIT | FRAME | SUPPRESS_VE
SHOWN_OF_NON_LEAF = RWX | LEAF_BIT


def shown(entry: int) -> int:
    """What the module tells the host of an entry: no state bits, no lock, no tables' addresses.

    Source: module source, sept_manager.c and .h (architectural masks of leaf and non-leaf)."""
    if state_of(entry) == "FREE":
        return SUPPRESS_VE
    return entry & (SHOWN_OF_LEAF if entry & LEAF_BIT else SHOWN_OF_NON_LEAF)


def make_entry(state: str, hpa: Hpa = 0) -> int:
    """A whole entry: state bits, permissions, WB memory type on leaves, and #VE suppressed."""
    return _BITS_OF[state] | hpa & FRAME


def _bits_of(state: str) -> int:
    row = STATES[state]
    entry = (row.code & 1) << 9 | (row.code >> 1 & 15) << 53 | (row.code >> 5 & 3) << 6
    for bit, letter in enumerate("rwx"):
        entry |= (letter in row.perms) << bit
    if row.leaf:
        entry |= WRITE_BACK
    if row.leaf or state in ("FREE", "REMOVED"):
        entry |= SUPPRESS_VE
    return entry


_BITS_OF = {state: _bits_of(state) for state in STATES}


BLOCK = {
    "NL_MAPPED": "NL_BLOCKED", "MAPPED": "BLOCKED", "BLOCKEDW": "BLOCKED", "PENDING": "PENDING_BLOCKED",
    "PENDING_BLOCKEDW": "PENDING_BLOCKED",
}  # fmt: skip
"""TDH.MEM.RANGE.BLOCK: state before -> state after. No other state can be blocked."""
UNBLOCK = {"NL_BLOCKED": "NL_MAPPED", "BLOCKED": "MAPPED", "PENDING_BLOCKED": "PENDING"}
"""TDH.MEM.RANGE.UNBLOCK, and what RELOCATE and DEMOTE make of a blocked entry."""

FREE_ENTRY = make_entry("FREE")
