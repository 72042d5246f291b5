"""TLB tracking: when may the module believe that no logical processor still translates the old way?

Source: tdx-architecture 8.1, 8.2.
"""

from tdxviz.core.arch import sept
from tdxviz.core.tdx.call import Call, SeptPlace
from tdxviz.core.tdx.module import PamtEntry
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import Hpa

ENFORCED = ("RUNNABLE", "LIVE_EXPORT", "LIVE_IMPORT")
"""OP_STATEs in which vCPUs may be running."""
BLOCKED = tuple(sept.UNBLOCK)
MIGRATION = 1 << 63
"""BEPOCH bit 63: the field holds migration counters, no TLB epoch."""


def entry_of(call: Call, page: Hpa) -> PamtEntry:
    entry = call.m.page(page)
    assert entry is not None
    return entry


def is_tracked(td: Td, bepoch: int) -> bool:
    """Every vCPU that may have cached the mapping has left the epoch in which it was blocked."""
    epoch = td.tdcs["TD_EPOCH"]
    if bepoch & MIGRATION:
        return False
    return bepoch < epoch - 1 or (bepoch == epoch - 1 and not td.tdcs[f"REFCOUNT{bepoch & 1}"])


def matters(td: Td, place: SeptPlace) -> bool:
    """Whether this leaf call has to look at all."""
    return td.op_state in ENFORCED and sept.STATES[place.state].tracked


def require_tracked(call: Call, td: Td, place: SeptPlace, page: Hpa) -> None:
    """TRACK: two checks, blocked and then tracked. ``page`` holds the BEPOCH."""
    needed = matters(td, place)
    blocked = place.state in BLOCKED
    if needed and not blocked:
        call.report_entry(place)
    call.require(not needed or blocked, f"the mapping of {place.gpa:#x} is {place.state}; block it first")
    require_epoch(call, td, place, page)


def require_epoch(call: Call, td: Td, place: SeptPlace, page: Hpa) -> None:
    """The second of them."""
    bepoch = entry_of(call, page).bepoch
    done = not matters(td, place) or is_tracked(td, bepoch)
    call.require(done, f"blocked in epoch {bepoch}; a vCPU may still use the old translation")
