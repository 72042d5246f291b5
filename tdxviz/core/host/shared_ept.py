"""The host's own EPT for a TD's shared pages: ordinary memory, read as the host reads it.

Source: tdx-architecture 7.1.
"""

from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout
from tdxviz.core.hw.walk import index
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.units import PAGE, Gpa, Hpa

FRAME = 0x000F_FFFF_FFFF_F000
PRESENT, WRITE_BACK = 7, 6 << 3
MOST_TABLES = 16


def entry(machine: Machine, at: Hpa) -> int:
    return int.from_bytes(observe(machine, "host", at, 8).data or b"", "little")


def leaf_of(machine: Machine, gpa: Gpa) -> tuple[Hpa, Hpa]:
    """Address of a GPA's last entry, and the page it names; 0 for none."""
    table = layout.SHARED_EPT
    for level in (3, 2, 1):
        table = entry(machine, table + index(gpa, level) * 8) & FRAME
        if not table:
            return 0, 0
    at = table + index(gpa, 0) * 8
    return at, entry(machine, at) & FRAME


def pages(machine: Machine) -> set[Hpa]:
    """Every page that is shared with a guest."""
    named = _named(machine, layout.SHARED_EPT, 3)
    return {page for page, level in named if level == 0}


def new_table(machine: Machine) -> Hpa:
    """The first table page that no entry names. Raises TdxvizError."""
    used = {page for page, level in _named(machine, layout.SHARED_EPT, 3) if level}
    for n in range(1, MOST_TABLES):
        if layout.SHARED_EPT + n * PAGE not in used:
            return layout.SHARED_EPT + n * PAGE
    raise TdxvizError(f"the host keeps at most {MOST_TABLES} pages for its shared EPT")


def _named(machine: Machine, table: Hpa, level: int) -> list[tuple[Hpa, int]]:
    """(page, its level) for every page that a table names, with everything below."""
    raw = observe(machine, "host", table, PAGE).data or b""
    if not any(raw):
        return []
    here = [int.from_bytes(raw[n : n + 8], "little") & FRAME for n in range(0, PAGE, 8)]
    found = [(at, level) for at in here if at]
    if level == 0:
        return found
    return found + [pair for at, _ in found for pair in _named(machine, at, level - 1)]
