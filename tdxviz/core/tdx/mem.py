"""TDH.MEM.*: private memory comes: build-time pages, Secure EPT pages, pages added at run time.

How it is blocked, moved and taken away: ``mem_range``, ``mem_size``, ``mem_debug``.
"""

from tdxviz.core.arch import sept
from tdxviz.core.hw import physical
from tdxviz.core.tdx import l2_sept, measurement
from tdxviz.core.tdx.call import PAGE_SIZES, Call, SeptPlace
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import PAGE, Gpa, Hpa

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
    call.require(version <= 1, f"this leaf has no version {version}")
    vms = l2_sept.VMS if version else ()
    pages = {vm: l2_sept.page_operand(call, vm) for vm in (0, *vms)}
    if version:
        call.outputs |= {f"R{8 + vm}": page for vm, page in pages.items()}
    call.require(not rdx & 0xFFE and not rdx >> 52, f"RDX = {rdx:#x} has reserved bits set")
    td = call.open_tdr("RDX", "sh", mask=ALLOW_EXISTING)
    call.state(td)
    place = sept_operand(call, td, 1, ROOT_LEVEL, ("FREE", "NL_MAPPED"))
    fresh = {0} if _l1_page(call, place, pages[0], version) else set()
    found: dict[int, l2_sept.L2Place] = {}
    for vm in vms:
        if pages[vm] != l2_sept.NULL_PA:
            found[vm] = _l2_page(call, td, place, vm, pages[vm])
            fresh |= {vm} if found[vm].value == l2_sept.FREE else set()
    # ---- all checks passed but one, which comes between two pages ----
    if 0 in fresh:
        call.clear_page(pages[0], td.hkid, sept.FREE_ENTRY.to_bytes(8, "little"))
        call.set_entry(td, place, "NL_MAPPED", pages[0])
        td.add_children(1)
        call.give_page(pages[0], "PT_EPT", td.tdr_page)
        _consumed(call, 0, version)
    wanted = [(found[vm], pages[vm]) for vm in vms if vm in fresh]
    _add_l2_pages(call, td, place, wanted, added=0 in fresh)
    call.passed = AFTER_L2_PAGES + 1 if version else AFTER_L1_PAGE


AFTER_L1_PAGE, AFTER_L2_PAGES = 23, 30
"""Checks of SEPT.ADD behind the L1 table, behind those of the L2 VMs."""


def _l1_page(call: Call, place: SeptPlace, page: int, version: int) -> bool:
    """The checks on R8. Whether it becomes the table; version 1 may do without it where there is one."""
    given, existing = page != l2_sept.NULL_PA, place.state == "NL_MAPPED"
    call.require(given or bool(version), "R8 is the null address")
    allowed = not given or bool(call.regs["rdx"] & ALLOW_EXISTING)
    good = allowed if existing else given
    if not good:
        call.report_entry(place)
    call.require(
        good, "there is a Secure EPT page already" if existing else "there is no Secure EPT page yet"
    )
    if not existing:
        call.typed_page_at("R8", page, "ex", "PT_NDA")
    elif given and version:
        call.outputs["R8"] = page | l2_sept.NOT_USED
    call.passed = AFTER_L1_PAGE
    return not existing


def _l2_page(call: Call, td: Td, above: SeptPlace, vm: int, page: int) -> l2_sept.L2Place:
    """The checks on the page of one L2 VM, and the entry that leads to it or will."""
    name, call.passed = f"R{8 + vm}", AFTER_L1_PAGE
    count = td.tdcs["NUM_L2_VMS"]
    call.require(vm <= count, f"the TD has {count} L2 VMs, not {vm}", operand=name)
    place = l2_sept.require_walk(call, td, vm, above.gpa, above.level)
    call.operand = name
    if place.value == l2_sept.FREE:
        call.typed_page_at(name, page, "ex", "PT_NDA")
    call.operand, call.passed = "", AFTER_L2_PAGES - 1
    if place.value != l2_sept.FREE:
        allowed = bool(call.regs["rdx"] & ALLOW_EXISTING)
        if not allowed:
            l2_sept.report(call, place)
        call.require(allowed, f"L2 VM {vm} has a Secure EPT page already")
        call.outputs[name] = page | l2_sept.NOT_USED
    return place


def _add_l2_pages(
    call: Call, td: Td, above: SeptPlace, wanted: list[tuple[l2_sept.L2Place, Hpa]], *, added: bool
) -> None:  # fmt: skip
    """The last check comes between two pages; what was added stays."""
    for place, page in wanted:
        free = not added or call.p.lps[call.lp].pending_interrupt < 0
        if not free:
            call.outputs |= {"RCX": call.regs["rcx"], "RDX": call.regs["rdx"]}
        call.passed = AFTER_L2_PAGES
        call.require(free, "a host interrupt is pending; call again")
        l2_sept.add(call, td, above, place, page)
        _consumed(call, place.vm, version=1)
        added = True


def _consumed(call: Call, vm: int, version: int) -> None:
    """The page has become a table: the host need not give it again."""
    if version:
        call.outputs[f"R{8 + vm}"] = l2_sept.NULL_PA


def page_aug(call: Call) -> None:
    call.cleared("RCX", "RDX")
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    place = sept_operand(call, td, 0, 1, ("FREE", "REMOVED"))
    page, step = call.regs["r8"], PAGE_SIZES[place.level]
    entry = call.page_address("R8", page + (1 if page % step else 0))  # aligned to the size of the mapping
    call.lock(page, "ex", step)
    free = call.m.is_free(page, place.level) if place.level else entry.kind == "PT_NDA"
    call.require(free, lambda: f"{page:#x} is not free, or a page in it is not")
    # ---- all checks passed: nothing below can fail ----
    call.set_entry(td, place, "PENDING", page)
    td.add_children(step // PAGE)
    call.give_page(page, "PT_REG", td.tdr_page, size=place.level)
