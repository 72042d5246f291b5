"""TDH.MEM.*: private memory comes: build-time pages, Secure EPT pages, pages added at run time.

How it is blocked, moved and taken away: ``mem_range``, ``mem_size``, ``mem_debug``.
"""

from tdxviz.core.arch import sept
from tdxviz.core.hw import physical
from tdxviz.core.tdx import measurement
from tdxviz.core.tdx.call import PAGE_SIZES, Call, SeptPlace
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import PAGE, Gpa

LEVEL_MASK = 0xFFF
ROOT_LEVEL = 3
GPA_WIDTH = 48
SHARED_BIT = 47
ALLOW_EXISTING = 1


def mapping(call: Call, low: int, high: int) -> tuple[Gpa, int]:
    """The first two checks of GPA(a..b): form of RCX, and a private GPA inside GPAW."""
    rcx = call.regs["rcx"]
    level, gpa = rcx & 7, rcx & ~LEVEL_MASK
    formed = not rcx & 0xFF8 and rcx >> 52 == 0 and low <= level <= high
    aligned = formed and gpa % PAGE_SIZES[level] == 0
    call.require(aligned, lambda: f"RCX = {rcx:#x}: level {low}..{high} and a GPA aligned to it")
    private = gpa >> SHARED_BIT == 0
    call.require(private, lambda: f"{gpa:#x} is shared or beyond the guest's {GPA_WIDTH}-bit width")
    return gpa, level


def sept_operand(
    call: Call, td: Td, low: int, high: int, states: tuple[str, ...], *, how: str = "sh"
) -> SeptPlace:
    """GPA(a..b): six checks up to the entry's state. ``how`` the Secure EPT itself is locked."""
    place = sept_place(call, td, low, high, how=how)
    if place.state not in states:
        call.report_entry(place)
    call.require(place.state in states, lambda: f"the entry for {place.gpa:#x} is {place.state}")
    return place


def sept_place(call: Call, td: Td, low: int, high: int, *, how: str) -> SeptPlace:
    """The first five of them: everything but the state."""
    gpa, level = mapping(call, low, high)
    lock_tree(call, td, how)
    place = call.walked(td, gpa, level)
    lock_entry(call, place)
    return place


def lock_tree(call: Call, td: Td, how: str) -> None:
    call.take(Lock("SEPT_TREE", td.tdr_page, exclusive=how == "ex"), "the Secure EPT is locked")


def lock_entry(call: Call, place: SeptPlace) -> None:
    """Bit 11 of the entry: who finds it set is told what the entry holds, and flags it."""
    lock = Lock("SEPT_ENTRY", place.address, exclusive=True)
    if call.is_taken(lock):
        call.report_entry(place)
    call.take(lock, lambda: f"the Secure EPT entry for {place.gpa:#x} is locked", place)


def page_add(call: Call) -> None:
    call.cleared("RCX", "RDX")
    td = call.open_tdr("RDX", "ex")
    call.state(td, lock=False)
    gpa, level = mapping(call, 0, 0)
    place = call.walked(td, gpa, level)
    if place.state != "FREE":
        call.report_entry(place)
    call.require(place.state == "FREE", f"the entry for {gpa:#x} is {place.state}")
    source = call.regs["r9"]
    call.require(call.shared_address(source, PAGE, PAGE), f"R9 = {source:#x} is no shared page")
    page = call.free_page("R8")
    # ---- all checks passed: nothing below can fail ----
    content = call.read_shared(source, PAGE)
    physical.write_page_direct(call.p, page, td.hkid, content)
    call.set_entry(td, place, "MAPPED", page)
    measurement.page_added(call, td, gpa)
    td.add_children(1)
    call.give_page(page, "PT_REG", td.tdr_page)


def sept_add(call: Call) -> None:
    call.cleared("RCX", "RDX")
    version, rdx = call.regs["rax"] >> 16 & 0xFF, call.regs["rdx"]
    call.require(version == 0, "version 1 (L2 Secure EPT pages) is not modelled yet")
    call.require(not rdx & 0xFFE, f"RDX = {rdx:#x} has reserved bits set")
    td = call.open_tdr("RDX", "sh", mask=ALLOW_EXISTING)
    call.state(td)
    place = sept_operand(call, td, 1, ROOT_LEVEL, ("FREE", "NL_MAPPED"))
    call.require(call.regs["r8"] != (1 << 64) - 1, "R8 is the null address")
    existing = place.state == "NL_MAPPED"
    if existing and not rdx & ALLOW_EXISTING:
        call.report_entry(place)
    call.require(not existing or bool(rdx & ALLOW_EXISTING), "there is a Secure EPT page already")
    if existing:
        return
    page = call.free_page("R8")
    # ---- all checks passed: nothing below can fail ----
    call.clear_page(page, td.hkid, sept.FREE_ENTRY.to_bytes(8, "little"))
    call.set_entry(td, place, "NL_MAPPED", page)
    td.add_children(1)
    call.give_page(page, "PT_EPT", td.tdr_page)


def page_aug(call: Call) -> None:
    call.cleared("RCX", "RDX")
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    place = sept_operand(call, td, 0, 1, ("FREE", "REMOVED"))
    page, step = call.regs["r8"], PAGE_SIZES[place.level]
    call.page_address("R8", page + (1 if page % step else 0))  # aligned to the size of the mapping
    call.lock(page, "ex", step)
    call.require(call.m.is_free(page, place.level), lambda: f"{page:#x} is not free, or a page in it is not")
    # ---- all checks passed: nothing below can fail ----
    call.set_entry(td, place, "PENDING", page)
    td.add_children(step // PAGE)
    call.give_page(page, "PT_REG", td.tdr_page, size=place.level)
