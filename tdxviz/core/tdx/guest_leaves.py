"""TDCALL leaves. Each returns the status for RAX, or None when the guest left or must retry.

Source: tdx-architecture 5; module tdg_* sources.
"""

from collections.abc import Callable

from tdxviz.core import events as e
from tdxviz.core.arch import exits, sept
from tdxviz.core.arch import registers as r
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import TDCALL, Leaf
from tdxviz.core.faults import GuestFault, LeftGuest, Lingering, Refused
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import entry, guest_attr, guest_measure, guest_rdwr, priority
from tdxviz.core.tdx.call import PAGE_SIZES, Call, quiet
from tdxviz.core.tdx.mem import GPA_WIDTH, SHARED_BIT
from tdxviz.core.tdx.module import Module
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import PAGE

GP = 13
MAY_PASS = 0xFFFF_FFFF & ~(1 << r.RAX | 1 << r.RCX | 1 << r.RSP)
"""Registers that a TDVMCALL mask may name."""
LOW = 0xFFFF_FFFF
SYS_RD_AVAILABLE = 1
EXTENDED_ACCEPT = 1
LOWER = tuple(name.lower() for name in r.GPR_NAMES)
PLACE = {name: number for number, name in enumerate(r.GPR_NAMES)}


def tdcall(p: Platform, m: Module, lp: int, length: int) -> GuestFault | None:
    """Serve one TDCALL of the guest that runs on ``lp``."""
    cpu, resumed = p.lps[lp].cpu, m.inside.pop(lp, None)
    if cpu.bits != 64:
        return GuestFault(GP, 0)
    rax = cpu.gprs[r.RAX]
    row = TDCALL.get(rax & 0xFFFF)
    refusal = _dispatcher_refusal(rax, row)
    if refusal:
        name = row.name if row else f"leaf {rax & 0xFFFF}"
        _return(p, lp, length, name, s.with_operand("TDX_OPERAND_INVALID", "RAX"), 0, refusal, {})
        return None
    assert row is not None
    call = Call(p, m, lp, row, dict(zip(LOWER, cpu.gprs, strict=True)), resumed=resumed)
    with quiet(p):
        try:
            status = BODIES[row.name](call, entry.running_vcpu(p, m, lp).td, cpu, length)
        except Refused as no:
            told = priority.weigh(p, m, lp, no.status)
            _return(p, lp, length, row.name, told, call.passed, no.reason, call.outputs)
            priority.give_up(p, m, lp, no.status)
        except LeftGuest:
            pass
        else:
            if status is not None:
                priority.weigh(p, m, lp, status)
                _return(p, lp, length, row.name, status, call.passed, "", call.outputs)
    return None


def held(p: Platform, m: Module, lp: int, checks: int) -> Call | None:
    """The TDCALL as far as so many checks, on a machine that is thrown away; None if it ends before."""
    cpu = p.lps[lp].cpu
    row = TDCALL.get(cpu.gprs[r.RAX] & 0xFFFF)
    if row is None or cpu.bits != 64 or _dispatcher_refusal(cpu.gprs[r.RAX], row):
        return None
    call = Call(p, m, lp, row, dict(zip(LOWER, cpu.gprs, strict=True)), hold=checks)
    try:
        if checks > 0:
            BODIES[row.name](call, entry.running_vcpu(p, m, lp).td, cpu, 0)
    except Lingering:
        pass
    except (Refused, LeftGuest):
        return None
    return call


def _dispatcher_refusal(rax: int, row: Leaf | None) -> str:
    if rax >> 24:
        return "RAX has reserved bits set"
    if rax >> 16 and (row is None or row.name != "TDG.VM.RD"):
        return f"this leaf has no version {rax >> 16}"
    if row is None:
        return f"the module has no guest leaf {rax & 0xFFFF}"
    if row.name not in BODIES:
        return f"{row.name} is not modelled yet in tdxviz; the real module knows it"
    return ""


def _return(
    p: Platform, lp: int, length: int, name: str, status: int, passed: int, reason: str,
    outputs: dict[str, int],
) -> None:  # fmt: skip
    cpu = p.lps[lp].cpu
    inputs = {n: cpu.gprs[k] for n, k in (("RCX", r.RCX), ("RDX", r.RDX), ("R8", r.R8)) if cpu.gprs[k]}
    leaf = cpu.gprs[r.RAX] & 0xFFFF
    outputs = {"RAX": status, **outputs}
    for register, value in outputs.items():
        cpu.gprs[PLACE[register]] = value
    cpu.rip += length
    p.note(
        e.LeafReturned(
            lp=lp, side="guest", leaf=leaf, name=name, status=status, passed=passed,
            reason=reason, inputs=inputs, outputs=outputs,
        )
    )  # fmt: skip


def vp_info(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    tdcs, vcpu = td.tdcs, entry.running_vcpu(call.p, call.m, call.lp)
    counts = tdcs["NUM_VCPUS"] & LOW | (tdcs["MAX_VCPUS"] & LOW) << 32
    call.outputs |= {"RCX": GPA_WIDTH, "RDX": tdcs["ATTRIBUTES"], "R8": counts, "R9": vcpu.index}
    call.outputs |= {"R10": SYS_RD_AVAILABLE, "R11": 0}
    return s.SUCCESS


def veinfo_get(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    vps = entry.running_vcpu(call.p, call.m, call.lp).vps
    call.require(bool(vps["VE_VALID"]), "no #VE information is waiting")
    # ---- all checks passed: nothing below can fail ----
    call.outputs |= {
        "RCX": vps["VE_EXIT_REASON"] & LOW, "RDX": vps["VE_QUALIFICATION"], "R8": vps["VE_GLA"],
        "R9": vps["VE_GPA"], "R10": vps["VE_LENGTH"] & LOW | (vps["VE_INSTRUCTION_INFO"] & LOW) << 32,
    }  # fmt: skip
    vps["VE_VALID"] = 0
    return s.SUCCESS


def cpuidve_set(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    """From now on every CPUID at the chosen privileges is #VE."""
    wish = cpu.gprs[r.RCX]
    call.require(not wish & ~3, f"RCX = {wish:#x} has reserved bits set")
    # ---- all checks passed: nothing below can fail ----
    vps = entry.running_vcpu(call.p, call.m, call.lp).vps
    vps["CPUID_SUPERVISOR_VE"], vps["CPUID_USER_VE"] = wish & 1, wish >> 1 & 1
    return s.SUCCESS


def vp_vmcall(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    mask = cpu.gprs[r.RCX]
    without_rbp = bool(td.tdcs["CONFIG_FLAGS"] & entry.NO_RBP_MOD)
    allowed = not mask & ~MAY_PASS and not (without_rbp and mask >> r.RBP & 1)
    call.require(allowed, f"RCX = {mask:#x} selects RAX, RCX, RSP (or RBP, if barred) or a reserved bit")
    # ---- all checks passed: nothing below can fail ----
    entry.vmcall_exit(call.p, call.m, call.lp, length)
    raise LeftGuest


def page_accept(call: Call, td: Td, cpu: CpuState, length: int) -> int | None:
    rcx = cpu.gprs[r.RCX]
    level, gpa = rcx & 7, rcx & ~0xFFF
    formed = not rcx & 0xFF8 and level <= 1 and gpa % PAGE_SIZES[level] == 0
    call.require(formed, lambda: f"RCX = {rcx:#x}: level 0 or 1 and a GPA aligned to it")
    call.require(gpa >> SHARED_BIT == 0, lambda: f"{gpa:#x} is no private GPA of this TD")
    place, reached = call.entry_at(td, gpa, level)
    accessible = sept.STATES[place.state].leaf and sept.PERMS[place.state] != "---"
    found = s.STATUS["TDX_PAGE_ALREADY_ACCEPTED"] | place.level
    if not reached and accessible:
        raise Refused(found, None, f"{gpa:#x} is part of a larger page, accepted already")
    if not reached:
        _violation(call, place.level, place.state, gpa, level)
    call.passed = 4
    guest_attr.lock_entry(call, place)
    if not sept.STATES[place.state].leaf and place.state not in ("FREE", "REMOVED"):
        status = s.STATUS["TDX_PAGE_SIZE_MISMATCH"] | place.level
        raise Refused(status, None, f"{gpa:#x} is mapped by smaller pages")
    call.passed = 6
    if accessible:
        raise Refused(found, None, f"{gpa:#x} was accepted before")
    if place.state not in ("PENDING", "PENDING_EXPORTED_DIRTY"):
        _violation(call, place.level, place.state, gpa, level)
    call.passed = len(call.leaf.checks)
    # ---- all checks passed: nothing below can fail ----
    page, last = call.mapped_page(td, place), PAGE_SIZES[level] // PAGE - 1
    waiting = bool(call.seen["host priority"])
    for number in range(place.progress, last + 1):
        call.clear_page(page + number * PAGE, td.hkid)
        if number < last and call.p.lps[call.lp].pending_interrupt >= 0:
            call.flag(place._replace(progress=number + 1), priority=waiting)
            call.note(e.TdcallInterrupted(lp=call.lp, name=call.leaf.name, done=number + 1, of=last + 1))
            return None
    call.set_entry(td, place, "MAPPED" if place.state == "PENDING" else "EXPORTED_DIRTY", page)
    if waiting:  # read with the entry after it was locked, and written back with it
        call.flag(call.entry_at(td, gpa, level)[0], priority=True)
    return s.SUCCESS


def _violation(call: Call, found: int, state: str, gpa: int, level: int) -> None:
    """ACCEPT of a page that is not there: a TD exit; the TDCALL is repeated after re-entry."""
    details = guest_attr.found(level, found, state)
    entry.async_exit(
        call.p, call.m, call.lp,
        entry.Exit(
            exits.EPT_VIOLATION, f"the guest accepts {gpa:#x}, whose entry is {state}",
            rdx=EXTENDED_ACCEPT | details << 32, r8=gpa,
        ),
    )  # fmt: skip
    raise LeftGuest


Body = Callable[[Call, Td, CpuState, int], int | None]
BODIES: dict[str, Body] = {
    "TDG.VP.INFO": vp_info,
    "TDG.VP.VEINFO.GET": veinfo_get,
    "TDG.VP.CPUIDVE.SET": cpuidve_set,
    "TDG.VP.VMCALL": vp_vmcall,
    "TDG.VP.RD": guest_rdwr.vp_rd,
    "TDG.VP.WR": guest_rdwr.vp_wr,
    "TDG.VM.RD": guest_rdwr.vm_rd,
    "TDG.VM.WR": guest_rdwr.vm_wr,
    "TDG.SYS.RD": guest_rdwr.sys_rd,
    "TDG.SYS.RDALL": guest_rdwr.sys_rdall,
    "TDG.MR.RTMR.EXTEND": guest_measure.rtmr_extend,
    "TDG.MR.REPORT": guest_measure.report_,
    "TDG.MR.VERIFYREPORT": guest_measure.verify_report,
    "TDG.MEM.PAGE.ACCEPT": page_accept,
    "TDG.MEM.PAGE.ATTR.RD": guest_attr.attr_rd,
    "TDG.MEM.PAGE.ATTR.WR": guest_attr.attr_wr,
}
