"""TDG.MEM.PAGE.ATTR.RD and WR: a page's size, whether it is pending, and what the TD's VMs may do there.

L2 VMs have tables at most, so WR comes as far as the walk for one of them.
Source: tdx-architecture 5; attestation-and-migration 6.3; module source tdg_mem_page_attr_rd.c, _wr.c.
"""

from tdxviz.core.arch import exits, sept
from tdxviz.core.arch import status as s
from tdxviz.core.faults import LeftGuest, Refused
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.tdx import entry, l2_sept
from tdxviz.core.tdx.call import PAGE_SIZES, Call, SeptPlace
from tdxviz.core.tdx.guest_memory import SHARED_BIT
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import PAGE, Gpa

R, W, XS, XU, VALID = 1, 2, 4, 8, 1 << 15
VMS = 4
PENDING_FLAG = 1 << 62
NO_LEVEL_0 = 0xFFF
GPA_DETAILS, ATTR_WRITE = 2, 5
"""Types of extended exit qualification."""
EXIT_ON_MISSING_L2 = 1
"""VM_CTLS bit 0."""
READABLE = {name for name, row in sept.STATES.items() if row.leaf and not name.endswith("BLOCKED")}
WRITABLE = {"MAPPED", "EXPORTED_DIRTY", "PENDING", "PENDING_EXPORTED_DIRTY"}


def attr_rd(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    call.outputs |= {"RCX": 0, "RDX": 0}
    gpa = call.regs["rcx"]
    call.require(gpa >> SHARED_BIT == 0, f"{gpa:#x} is no private GPA of this TD")
    place = _leaf(call, td, gpa)
    lock_entry(call, place)
    if place.state not in READABLE:
        _leave(call, gpa, f"the entry for {gpa:#x} is {place.state}", 0)
    call.passed += 1
    # ---- all checks passed: nothing below can fail ----
    call.outputs |= {"RCX": _told(gpa & -PAGE_SIZES[place.level] | place.level, place), "RDX": _own(place)}
    return s.SUCCESS


def attr_wr(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    call.outputs |= {"RCX": 0, "RDX": 0}
    wanted, flags = _per_vm(call.regs["rdx"]), _per_vm(call.regs["r8"])
    count = td.tdcs["NUM_L2_VMS"]
    _require_vms(call, wanted, flags, count)
    rcx = call.regs["rcx"]
    level, gpa = rcx & 7, rcx & ~NO_LEVEL_0
    formed = not rcx & 0xFF8 and level <= 2 and gpa >> SHARED_BIT == 0 and gpa % PAGE_SIZES[level] == 0
    call.require(formed, f"RCX = {rcx:#x}: level 0 to 2 and a private GPA aligned to it")
    place, reached = call.entry_at(td, gpa, level)
    if not reached:
        _violation(call, place, level)
    call.passed += 1
    lock_entry(call, place)
    if not sept.STATES[place.state].leaf and place.state != "FREE":
        raise Refused(
            s.STATUS["TDX_PAGE_SIZE_MISMATCH"] | place.level, None, f"{gpa:#x} is mapped by smaller pages"
        )
    call.passed += 1
    if place.state not in WRITABLE:
        _violation(call, place, level)
    call.passed += 1
    _l2_attributes(call, td, place, wanted, flags, count)
    # ---- all checks passed: nothing below can fail ----
    call.outputs |= {"RCX": _told(rcx, place), "RDX": _own(place)}
    return s.SUCCESS


def lock_entry(call: Call, place: SeptPlace) -> None:
    """The next check: the entry's lock, which host leaves take too, and whether a host waits for it."""
    lock = Lock("SEPT_ENTRY", place.address, exclusive=True)
    if place.priority and not call.has_it_already() and not call.is_taken(lock):
        raise Refused(
            s.with_operand("TDX_OPERAND_BUSY_HOST_PRIORITY", "RCX"), None,
            "the host has found the Secure EPT entry locked before, and goes first",
        )  # fmt: skip
    call.take(lock, "the Secure EPT entry is locked")
    call.remember("host priority", int(place.priority))


def found(asked: int, level: int, state: str) -> int:
    """High half of an extended exit qualification: requested level 2:0, found level 5:3, public state
    13:6, leaf flag 14."""
    row = sept.STATES.get(state)
    return asked | level << 3 | (row.public << 6 | row.leaf << 14 if row else 0)


def _per_vm(value: int) -> list[int]:
    return [value >> 16 * vm & 0xFFFF for vm in range(VMS)]


def _require_vms(call: Call, wanted: list[int], flags: list[int], count: int) -> None:
    """The first check: nothing for the L1 VMM and absent VMs; a valid bit where there is something."""
    for vm in range(VMS):
        if vm == 0 or vm > count:
            call.passed = 0
            call.require(not wanted[vm], f"RDX names attributes for VM {vm}", operand="RDX")
            call.passed = 0
            call.require(not flags[vm], f"R8 names VM {vm}", operand="R8")
        else:
            call.passed = 0
            valid = not wanted[vm] or bool(wanted[vm] & VALID)
            call.require(valid, f"attributes for VM {vm} without their VALID bit", operand="RDX")


def _l2_attributes(
    call: Call, td: Td, place: SeptPlace, wanted: list[int], flags: list[int], count: int
) -> None:  # fmt: skip
    """Legal attributes need an entry in that VM's Secure EPT; making a page there is not modelled."""
    asked = {vm: wanted[vm] & (flags[vm] | VALID) for vm in range(1, count + 1) if wanted[vm] & VALID}
    present = {vm: attributes for vm, attributes in asked.items() if attributes & (R | W | XS | XU)}
    legal = all(attributes & R or not attributes & W for attributes in present.values())
    call.require(legal, "an attribute combination writes without reading")
    for vm in present:
        reached = l2_sept.walk(call, td, vm, place.gpa, place.level).level
        if reached == place.level:
            why = "pages of L2 VMs are not modelled yet in tdxviz; the real module maps this one"
            raise Refused(s.with_operand("TDX_OPERAND_INVALID", "RAX"), None, why)
        why = f"VM {vm} has no Secure EPT page for {place.gpa:#x}"
        if td.tdcs[f"VM_CTLS{vm}"] & EXIT_ON_MISSING_L2:
            details = reached << 3 | vm << 15  # (place of the VM index unverified)
            _leave(call, place.gpa, why, GPA_DETAILS | details << 32)
        raise Refused(s.STATUS["TDX_L2_SEPT_WALK_FAILED"] | vm << 16 | reached, None, why)


def _leaf(call: Call, td: Td, gpa: Gpa) -> SeptPlace:
    """The entry at which a walk ends, wherever that is."""
    return call.entry_at(td, gpa & -PAGE, 0)[0]


def _own(place: SeptPlace) -> int:
    """Attributes of the L1 VMM: those of its Secure EPT entry."""
    perms = sept.PERMS[place.state]
    return VALID | R * ("r" in perms) | W * ("w" in perms) | (XS | XU) * ("x" in perms)


def _told(mapping: int, place: SeptPlace) -> int:
    return mapping | PENDING_FLAG * place.state.startswith("PENDING")


def _violation(call: Call, place: SeptPlace, level: int) -> None:
    why = f"the entry for {place.gpa:#x} is {place.state}"
    _leave(call, place.gpa, why, ATTR_WRITE | found(level, place.level, place.state) << 32)


def _leave(call: Call, gpa: Gpa, why: str, extended: int) -> None:
    """An asynchronous exit; the TDCALL is repeated after re-entry."""
    exit_ = entry.Exit(exits.EPT_VIOLATION, f"TDG.MEM.PAGE.ATTR: {why}", rdx=extended, r8=gpa & -PAGE)
    entry.async_exit(call.p, call.m, call.lp, exit_)
    raise LeftGuest
