"""TDH.MEM.PAGE.RELOCATE, PROMOTE and DEMOTE: another place, or another size, for the same content.

L2 VMs may have tables (``l2_sept``) but no leaves: a page has no alias in one. Source: tdx-architecture 4, 7.4.
"""

from tdxviz.core.arch import sept
from tdxviz.core.hw import physical
from tdxviz.core.tdx import l2_sept, tracking
from tdxviz.core.tdx.call import PAGE_SIZES, Call, SeptPlace
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.mem import sept_operand
from tdxviz.core.tdx.module import PamtEntry
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import PAGE, Hpa

MOVABLE = tuple(name for name, state in sept.STATES.items() if state.leaf)
ENTRIES = 512
L2_SEPT_ADD_MODE = 1


def page_relocate(call: Call) -> None:
    call.cleared("RCX", "RDX")
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    place = sept_operand(call, td, 0, 0, MOVABLE)
    old = call.mapped_page(td, place)
    call.require(call.regs["r8"] != old, f"{old:#x} is where the page lies already")
    call.lock(old, "ex")
    tracking.require_tracked(call, td, place, old)
    new = call.free_page("R8")
    # ---- all checks passed: nothing below can fail ----
    if "PENDING" not in place.state:
        physical.write_page_direct(call.p, new, td.hkid, physical.read_physical(call.p, old, td.hkid, PAGE))
    call.free(old)
    call.give_page(new, "PT_REG", td.tdr_page)
    call.set_entry(td, place, sept.UNBLOCK.get(place.state, place.state), new)
    call.outputs["RCX"] = old


def page_promote(call: Call) -> None:
    version = call.regs["rax"] >> 16 & 0xFF
    call.cleared("RCX", "RDX")
    if version:
        call.outputs |= dict.fromkeys(("R9", "R10", "R11"), l2_sept.NULL_PA)
    call.require(version <= 1, f"this leaf has no version {version}")
    td = call.open_tdr("RDX", "sh")
    call.state(td)
    place = sept_operand(call, td, 1, 2, ("NL_MAPPED", "NL_BLOCKED"))
    table = call.table_page(td, place)
    call.lock(table, "ex")
    tracking.require_tracked(call, td, place, table)
    base, state = _mergeable(call, td, place, table)
    _no_interrupt(call)
    beside, busy = l2_sept.lock_tables(call, td, place)
    if busy:
        call.require(False, busy)
    call.lock(base, "ex", PAGE_SIZES[place.level])
    # ---- all checks passed: nothing below can fail ----
    given_back = l2_sept.remove_all(call, td, beside)
    call.outputs |= given_back if version else {}
    small = PAGE_SIZES[place.level - 1]
    for page in range(base + small, base + ENTRIES * small, small):
        call.m.set_page(page, PamtEntry("PT_NDA"))
    call.give_page(base, "PT_REG", td.tdr_page, size=place.level)
    call.set_entry(td, place, state, base)
    td.add_children(-1)
    call.free(table)
    call.outputs["RCX"] = table


def _mergeable(call: Call, td: Td, place: SeptPlace, table: Hpa) -> tuple[Hpa, str]:
    """The two checks on the 512 children, child by child: its lock, then what it holds. Returns the
    first page's address and the state they all have."""
    first, step, turn = call.child(td, place, table, 0), PAGE_SIZES[place.level - 1], call.passed
    base, state = sept.frame(first.value), first.state
    told, others = dict(call.outputs), call.m.locks_of_others(call.lp)
    call.report_entry(place)
    for number in range(ENTRIES):
        child = call.child(td, place, table, number)
        call.passed, lock = turn, Lock("SEPT_ENTRY", child.address, exclusive=True)
        call.locks.append(lock)
        free = not any(lock.excludes(other) for other in others)
        call.set_priority(child, free=free)
        call.require(free, f"the entry of child {number} is locked")
        good = child.value == first.value + number * step
        if number == 0:
            good = base % PAGE_SIZES[place.level] == 0 and state in ("MAPPED", "PENDING")
        why = f"child {number} is {child.state} at {sept.frame(child.value):#x}"
        call.require(good, f"the 512 children make no whole page: {why}")
    call.outputs = told
    return base, state


def _no_interrupt(call: Call) -> None:
    """A host interrupt that waits makes the call give up; nothing was done, so it can start again."""
    free = call.p.lps[call.lp].pending_interrupt < 0
    if not free:
        call.outputs |= {"RCX": call.regs["rcx"], "RDX": call.regs["rdx"]}
    call.require(free, "a host interrupt is pending; call again")


def page_demote(call: Call) -> None:
    call.cleared("RCX", "RDX")
    rdx = call.regs["rdx"]
    call.require(not rdx & (PAGE - 2) and not rdx >> 52, f"RDX = {rdx:#x} has reserved bits set")
    td = call.open_tdr("RDX", "sh", mask=L2_SEPT_ADD_MODE)
    call.state(td)
    place = sept_operand(call, td, 1, 2, ("MAPPED", "BLOCKED", "PENDING", "PENDING_BLOCKED"))
    page = call.mapped_page(td, place)
    tracking.require_tracked(call, td, place, page)
    table = call.free_page("R8")
    unused, beside = _l2_pages(call, td, place)
    _no_interrupt(call)
    call.lock(page, "ex", PAGE_SIZES[place.level])
    # ---- all checks passed: nothing below can fail ----
    state, step = sept.UNBLOCK.get(place.state, place.state), PAGE_SIZES[place.level - 1]
    children = [sept.make_entry(state, page + n * step) for n in range(ENTRIES)]
    physical.write_page_direct(call.p, table, td.hkid, b"".join(n.to_bytes(8, "little") for n in children))
    call.give_page(page, "PT_REG", td.tdr_page, size=place.level - 1)
    for small in range(page + step, page + ENTRIES * step, step):
        call.m.set_page(small, PamtEntry("PT_REG", td.tdr_page, place.level - 1))
    call.set_entry(td, place, "NL_MAPPED", table)
    td.add_children(1)
    call.give_page(table, "PT_EPT", td.tdr_page)
    for l2_place, l2_page in beside:
        l2_sept.add(call, td, place, l2_place, l2_page)
    call.outputs |= unused


def _l2_pages(
    call: Call, td: Td, place: SeptPlace
) -> tuple[dict[str, int], list[tuple[l2_sept.L2Place, Hpa]]]:
    """The checks on R9 to R11, for every L2 VM that the TD was made for; what these return on success, and
    where the pages go that are used."""
    vms = range(1, td.tdcs["NUM_L2_VMS"] + 1)
    sparse, first = call.regs["rdx"] & L2_SEPT_ADD_MODE, call.passed
    unused: dict[str, int] = {}
    pages: dict[int, Hpa] = {}
    for vm in vms:
        page, name = l2_sept.page_operand(call, vm), f"R{8 + vm}"
        call.passed, call.operand = first, name
        needed = vm in l2_sept.aliases(place)
        call.require(page != l2_sept.NULL_PA or not needed, f"the entry has an alias in L2 VM {vm}")
        if page != l2_sept.NULL_PA and not sparse:
            pages[vm] = call.typed_page_at(name, page, "ex", "PT_NDA")
        elif page != l2_sept.NULL_PA:
            unused[name] = page | l2_sept.NOT_USED
    call.operand = ""
    beside = []
    for vm, page in pages.items():
        call.passed = first + 5
        _no_interrupt(call)
        beside.append((l2_sept.require_walk(call, td, vm, place.gpa, place.level), page))
    call.passed = first + 7
    return unused, beside
