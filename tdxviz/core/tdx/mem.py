"""TDH.MEM.*: private memory. Build-time pages, Secure EPT pages, pages added at run time."""

from tdxviz.core.arch import sept
from tdxviz.core.hw import path
from tdxviz.core.tdx import measurement
from tdxviz.core.tdx.call import PAGE_SIZES, Call, SeptPlace
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
    call.require(aligned, f"RCX = {rcx:#x}: level {low}..{high} and a GPA aligned to it")
    private = gpa >> SHARED_BIT == 0
    call.require(private, f"{gpa:#x} is shared or beyond the guest's {GPA_WIDTH}-bit width")
    return gpa, level


def sept_operand(call: Call, td: Td, low: int, high: int, states: tuple[str, ...]) -> SeptPlace:
    """GPA(a..b): six checks up to the entry's state."""
    gpa, level = mapping(call, low, high)
    call.require(True, "the Secure EPT is locked")
    place = call.walked(td, gpa, level)
    call.require(True, "the Secure EPT entry is locked")
    if place.state not in states:
        call.report_entry(place)
    call.require(place.state in states, f"the entry for {gpa:#x} is {place.state}")
    return place


def page_add(call: Call) -> None:
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
    path.write_page_direct(call.p, page, td.hkid, content)
    call.set_entry(td, place, "MAPPED", page)
    measurement.page_added(call, td, gpa)
    td.add_children(1)
    call.give_page(page, "PT_REG", td.tdr_page)


def sept_add(call: Call) -> None:
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
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    place = sept_operand(call, td, 0, 1, ("FREE", "REMOVED"))
    page = call.regs["r8"]
    step = PAGE_SIZES[place.level]
    call.page_address("R8", page + (1 if page % step else 0))  # aligned to the size of the mapping
    call.lock(page, "ex", step)
    pages = range(page, page + step, PAGE)
    taken = next((n for n in pages if not _is_free(call, n)), None)
    call.require(taken is None, f"{taken or 0:#x} is not a free page")
    # ---- all checks passed: nothing below can fail ----
    call.set_entry(td, place, "PENDING", page)
    td.add_children(step // PAGE)
    call.give_page(page, "PT_REG", td.tdr_page, size=place.level)
    for other in pages[1:]:
        call.m.set_page(other, call.m.pamt[page])


def _is_free(call: Call, page: int) -> bool:
    entry = call.m.page(page)
    return entry is not None and entry.kind == "PT_NDA"
