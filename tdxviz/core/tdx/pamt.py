"""Where PAMT entries lie in memory, and what the module meets when it reads them there.

What an entry says is kept in a table (decision record 0003). The memory itself is real: TDH.SYS.TDMR.INIT
writes its lines under the module's key, and whoever reads an entry reads the lines of the walk to it:
1 GiB, 2 MiB, 4 KiB, down to the level at which the page has its entry.
Source: tdx-architecture 2.1; decision record 0003.
"""

from collections.abc import Iterator

from tdxviz.core.faults import Inconsistent
from tdxviz.core.hw import physical
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx.module import SPANS, Module, Tdmr
from tdxviz.core.units import LINE, Hkid, Hpa, line_of

ENTRY = 16
"""Bytes of an entry; a line holds four."""
SIZES = (2, 1, 0)
"""In the order of the walk; also the order of a TDMR's three arrays."""


def entry_address(tdmr: Tdmr, hpa: Hpa, size: int) -> Hpa:
    """Where the entry of that size for an address of the TDMR lies."""
    return tdmr.pamts[SIZES.index(size)][0] + (hpa - tdmr.base) // SPANS[size] * ENTRY


def initialise(p: Platform, tdmr: Tdmr, done: Hpa, hkid: Hkid) -> None:
    """MOVDIR64B over the entries of [tdmr.done, done). A line that holds entries of both sides counts as
    written with its first one."""
    for size in SIZES:
        low = entry_address(tdmr, tdmr.base, size)
        old, high = (_end_of_line(tdmr, at, size) for at in (tdmr.done, done))
        if old < high:
            p.memctl.clear_area(low, old, high, hkid)


def _end_of_line(tdmr: Tdmr, at: Hpa, size: int) -> Hpa:
    """End of the last line that holds an entry for memory below ``at``."""
    last = -(-(at - tdmr.base) // SPANS[size])
    return tdmr.pamts[SIZES.index(size)][0] + -(-last * ENTRY // LINE) * LINE


def consult(p: Platform, m: Module, hpa: Hpa) -> None:
    """The module walks to the entry of an address. Nothing is read as long as nobody else ever wrote there.

    Raises:
        MachineCheck: a line of the walk is not as the module left it, and it shows.
        Inconsistent: it holds something that the module never wrote, and that shows only in what it says.
    """
    if not p.dram.disturbed:
        return
    for line in _walk(m, hpa):
        if p.dram.own_line(line) and any(physical.cached_line(p, line, m.global_hkid)):
            raise Inconsistent(f"the PAMT entries at {line:#x} are none that the module wrote")


def _walk(m: Module, hpa: Hpa) -> Iterator[Hpa]:
    tdmr = next((one for one in m.tdmrs if one.base <= hpa < one.base + one.size), None)
    entry = m.page(hpa & -SPANS[0])
    if tdmr is None or entry is None:
        return
    for size in SIZES:
        if size >= entry.size:
            yield line_of(entry_address(tdmr, hpa, size))
