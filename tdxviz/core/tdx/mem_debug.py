"""TDH.MEM.RD and WR: the host looks into the private memory of a debug TD, 8 bytes at a time.

Source: tdx-architecture 4, 7.4, 13.
"""

from tdxviz.core.arch import sept
from tdxviz.core.hw import physical
from tdxviz.core.tdx.call import PAGE_SIZES, Call, SeptPlace
from tdxviz.core.tdx.mem import GPA_WIDTH, SHARED_BIT, lock_entry, lock_tree
from tdxviz.core.tdx.mem_range import DEBUG
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import Hpa

WORD = 8
READABLE = tuple(name for name, state in sept.STATES.items() if state.leaf and "r" in state.perms)
WRITABLE = ("MAPPED", "EXPORTED_DIRTY")


def rd(call: Call) -> None:
    td, at = _word(call, READABLE)
    # ---- all checks passed: nothing below can fail ----
    call.outputs["R8"] = _value(call, td, at)


def wr(call: Call) -> None:
    td, at = _word(call, WRITABLE)
    # ---- all checks passed: nothing below can fail ----
    call.outputs["R8"] = _value(call, td, at)
    physical.write_physical(call.p, at, td.hkid, call.regs["r8"].to_bytes(WORD, "little"))


def _value(call: Call, td: Td, at: Hpa) -> int:
    return int.from_bytes(physical.read_physical(call.p, at, td.hkid, WORD), "little")


def _word(call: Call, states: tuple[str, ...]) -> tuple[Td, Hpa]:
    """All checks of the two rows; they differ in the states only."""
    call.cleared("RCX", "RDX", "R8")
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    call.require(bool(td.tdcs["ATTRIBUTES"] & DEBUG), f"{td.actor} is no debug TD")
    gpa = call.regs["rcx"]
    call.require(gpa % WORD == 0, f"RCX = {gpa:#x} is not 8-byte aligned")
    lock_tree(call, td, "sh")
    private = gpa >> SHARED_BIT == 0
    call.require(private, f"{gpa:#x} is shared or beyond the guest's {GPA_WIDTH}-bit width")
    place, _ = call.entry_at(td, gpa, 0)
    present = sept.STATES[place.state].leaf and sept.PERMS[place.state] != "---"
    if not present:
        call.report_entry(place)
    call.require(present, f"the walk for {gpa:#x} ends at level {place.level} in {place.state}")
    lock_entry(call, place)
    if place.state not in states:
        call.report_entry(place)
    call.require(place.state in states, f"the entry for {gpa:#x} is {place.state}")
    return td, _hpa(call, td, place, gpa)


def _hpa(call: Call, td: Td, place: SeptPlace, gpa: int) -> Hpa:
    return call.mapped_page(td, place) + gpa % PAGE_SIZES[place.level]
