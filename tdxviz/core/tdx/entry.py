"""TDH.VP.ENTER and TDH.VP.FLUSH: into a TD, and which logical processor may do it.

Source: tdx-architecture 8.2, 8.3, 9.1. The way out is in ``leaving``.
"""

from tdxviz.core import events as e
from tdxviz.core.arch import exits, instructions, sept
from tdxviz.core.arch import registers as r
from tdxviz.core.arch import state_table as st
from tdxviz.core.arch import structures as lay
from tdxviz.core.faults import MachineCheck
from tdxviz.core.hw.apic import DESCRIPTOR
from tdxviz.core.hw.platform import LogicalProcessor
from tdxviz.core.tdx import stepping, vcpu_state, ve
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.leaving import (
    NO_RBP_MOD,
    NON_ACCESSIBLE,
    Exit,
    async_exit,
    change_state,
    fatal_exit,
    hand_over,
    host_registers,
    leave_epoch,
    running_vcpu,
    vmcall_exit,
)
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.module import Current
from tdxviz.core.tdx.structs import Td, Vcpu
from tdxviz.core.units import PAGE, U64, page_of

__all__ = [
    "NO_RBP_MOD", "Exit", "associate", "async_exit", "enter", "flush", "running_vcpu", "vmcall_exit", "vpid_of",
]  # fmt: skip

HINT, RESUME_L1 = 1 << 52, 1 << 53
HINT_UP = 8
"""From RCX bit 52 to bit 60 of a status, where the guest finds the host's hint after a trap-like exit."""
PROCESS_POSTED = 1 << 7
"""Pin-based control: process posted interrupts."""
DATA_WRITE = 2
"""Exit qualification of an emulated EPT violation."""
EVENT_VALID, HARDWARE_EXCEPTION = 1 << 31, 3 << 8
VMCS_PAGE = 1
"""Of a TDVPS; loaded at VM entry."""
TDVPR_MASK = (1 << 52) - PAGE


def vpid_of(hkid: int) -> int:
    """One VPID per VM per TD: (HKID << 2) | VM index."""
    return hkid << 2


def enter(call: Call) -> None:
    rcx, config = call.regs["rcx"], call.m.config
    call.require(not config.boot_nt4, "IA32_MISC_ENABLE.BOOT_NT4 limits CPUID")
    reserved = rcx & ~(TDVPR_MASK | HINT | RESUME_L1 | PAGE - 1)
    call.require(not reserved, f"RCX = {rcx:#x} has reserved bits set")
    vcpu = call.open_vcpu("RCX", "sh", rcx & ~(HINT | RESUME_L1))
    td = vcpu.td
    call.state(td)
    tdcs, vps, lp = td.tdcs, vcpu.vps, call.p.lps[call.lp]
    enough = vcpu.count >= lay.MIN_TDVPS + 3 * tdcs["NUM_L2_VMS"]
    call.require(enough, f"only {vcpu.count} TDVPS pages")
    call.require(vcpu.state == "READY", f"the vCPU is {vcpu.state}")
    call.require(vcpu.lp in (-1, call.lp), f"the vCPU is associated with LP {vcpu.lp}")
    associate(call, vcpu)  # and it stays, whatever the checks to come say
    trap_like = vps["LAST_TD_EXIT"] == st.LAST_TD_EXIT["ASYNC_TRAP"]
    call.require(not rcx & HINT or trap_like, "HOST_RECOVERABILITY_HINT without a trap-like exit")
    call.require(not rcx & RESUME_L1, "no L2 VM is current")
    call.require(call.tsc_adjusted(), "IA32_TSC_ADJUST differs from SYS.INIT")
    back = (lp.tsc - vps["LAST_EXIT_TSC"] & U64) >> 63  # a signed difference: the counter may roll over
    call.require(not back, f"the TSC is {lp.tsc}; at the last TD exit it was {vps['LAST_EXIT_TSC']}")
    call.require(config.monitor_ok, "MISC_ENABLE.ENABLE_MONITOR_FSM is clear")
    call.take(Lock("TD_EPOCH", td.tdr_page), "the TD epoch is locked")
    suspects = stepping.suspects(vcpu)
    if suspects:
        call.take(Lock("SEPT_TREE", td.tdr_page, exclusive=True), "the Secure EPT is locked")
    unmapped = next((gpa for gpa in suspects if not _mapped(call, td, gpa)), None)
    # ---- all checks passed: nothing below can fail ----
    call.passed = len(call.leaf.checks)
    _separate(call, vcpu, lp)
    if unmapped is not None:
        _emulate_violation(call, vcpu, lp, unmapped)
        return
    _join_epoch(call, vcpu, lp)
    try:
        lp.cpu = vcpu_state.restore(vcpu)
    except MachineCheck as poison:
        if page_of(poison.hpa) != vps.page(VMCS_PAGE):
            raise  # the module's own load
        _fail_entry(call, vcpu, lp, poison)
        return
    if vps["LAST_TD_EXIT"] == st.LAST_TD_EXIT["TDVMCALL"]:
        _take_answers(call, lp, vps["VMCALL_MASK"])
    if trap_like:
        hint = (rcx & HINT) << HINT_UP
        lp.cpu.gprs[r.RAX] = lp.cpu.gprs[r.RAX] & ~(HINT << HINT_UP) | hint
    _go(call, vcpu, lp)
    if suspects and tdcs["NOTIFY_ENABLES"] & 1 and lp.mode == "td" and _may_notify(lp, vps["VE_VALID"]):
        _notify(call, lp, suspects[-1])


def _go(call: Call, vcpu: Vcpu, lp: LogicalProcessor) -> None:
    """Hold the locks, make the vCPU current, load its state."""
    td, tdcs, vps = vcpu.td, vcpu.td.tdcs, vcpu.vps
    lp.mode, lp.tdvpr, lp.last_tdvpr = "td", vcpu.tdvpr, vcpu.tdvpr
    for page in (vcpu.tdvpr, td.tdr_page):
        call.m.running[page] = call.m.running.get(page, 0) + 1
    call.m.current[call.lp] = Current(
        td.tdr_page, vcpu.tdvpr, td.actor, vcpu.index, td.hkid, td.sept_root,
        vps["SHARED_EPTP"] & ~(PAGE - 1), vps["VCPU_EPOCH"], vps["POSTED_INTERRUPT_NOTIFICATION_VECTOR"],
        vps["POSTED_INTERRUPT_DESCRIPTOR_ADDRESS"] & -DESCRIPTOR, bool(vps["PIN_BASED_CONTROLS"] & PROCESS_POSTED),
        instructions.cr4_barred(tdcs["ATTRIBUTES"], tdcs["XFAM"]), bool(tdcs["ATTRIBUTES"] >> 63),
        tdcs["XFAM"], bool(vps["HP_LOCK_BUSY"]),
    )  # fmt: skip
    lp.nmi_window = bool(vps["PEND_NMI"])
    lp.tsc_multiplier, lp.tsc_offset = tdcs["TSC_MULTIPLIER"], tdcs["TSC_OFFSET"]
    change_state(call.p, call.lp, vcpu, "ACTIVE")
    refused = vcpu_state.objection(lp.cpu, tdcs["XFAM"])
    if refused is not None:
        leave_epoch(vcpu)
        fatal_exit(call.p, call.m, call.lp, Exit(*refused[:2], "TDX_NON_RECOVERABLE_TD", rdx=refused[2]))
        return
    stepping.entered(call.m, lp)
    if lp.predictor.clear_history():
        call.note(e.BranchHistoryCleared(lp=lp.id, reason="the TDX module was entered by SEAMCALL"))
    call.note(e.TdEntered(lp=call.lp, td=td.actor, vcpu=vcpu.index))


def _mapped(call: Call, td: Td, gpa: int) -> bool:
    """Whether a GPA translates with full rights; a PENDING page does not."""
    place, _ = call.entry_at(td, gpa, 0)
    return sept.STATES[place.state].leaf and sept.PERMS[place.state] == "rwx"


def _emulate_violation(call: Call, vcpu: Vcpu, lp: LogicalProcessor, gpa: int) -> None:
    """A zero-step attack: the same fault is coming, so the guest does not run at all."""
    td = vcpu.td
    vcpu.vps["LAST_TD_EXIT"] = st.LAST_TD_EXIT["ASYNC_FAULT"]
    gpa &= ~(PAGE - 1)
    why = f"zero-step filter: {gpa:#x} is still not mapped; the guest did not run"
    now = Current(
        td.tdr_page, vcpu.tdvpr, td.actor, vcpu.index, td.hkid, td.sept_root, 0, 0, xfam=td.tdcs["XFAM"]
    )
    told = Exit(exits.EPT_VIOLATION, why, rcx=DATA_WRITE, r8=gpa)
    hand_over(call.p, lp, host_registers(told), [0] * 16, now, told)


def _fail_entry(call: Call, vcpu: Vcpu, lp: LogicalProcessor, poison: MachineCheck) -> None:
    """The VMCS is loaded by the processor, not by the module: only this TD is lost."""
    td = vcpu.td
    lp.mode, lp.tdvpr, lp.last_tdvpr = "td", vcpu.tdvpr, vcpu.tdvpr
    for page in (vcpu.tdvpr, td.tdr_page):
        call.m.running[page] = call.m.running.get(page, 0) + 1
    call.m.current[call.lp] = Current(
        td.tdr_page, vcpu.tdvpr, td.actor, vcpu.index, td.hkid, td.sept_root, 0, 0, xfam=td.tdcs["XFAM"]
    )
    change_state(call.p, call.lp, vcpu, "ACTIVE")
    call.note(e.MachineCheckRaised(lp=call.lp, context=td.actor, hpa=poison.hpa))
    why = f"VM entry failed: machine check, poison at {poison.hpa:#x} in the VMCS"
    fatal_exit(call.p, call.m, call.lp, Exit(exits.MACHINE_CHECK_AT_ENTRY, why, NON_ACCESSIBLE))


def _may_notify(lp: LogicalProcessor, unread: int) -> bool:
    """Not over an event that the last exit interrupted, not while an NMI is handled, not over #VE
    information that waits to be read. Source: module source td_exit_stepping.c, can_inject_epf_ve."""
    return not (lp.cpu.event & EVENT_VALID or lp.cpu.nmi_blocked or unread)


def _notify(call: Call, lp: LogicalProcessor, gpa: int) -> None:
    """The guest wants to know of suspected zero-stepping: #VE before its next instruction."""
    info = ve.Information(
        exits.EPT_VIOLATION, "zero-step attack suspected", qualification=DATA_WRITE, gpa=gpa
    )
    fault = ve.inject(call.p, call.m, lp.id, info)
    lp.cpu.event = EVENT_VALID | HARDWARE_EXCEPTION | fault.vector


def flush(call: Call) -> None:
    """TDH.VP.FLUSH. Neither FATAL nor OP_STATE nor the vCPU's state matters."""
    vcpu = call.open_vcpu("RCX", "ex")
    td, lp = vcpu.td, call.p.lps[call.lp]
    lifecycle = td.lifecycle
    call.require(lifecycle == "TD_KEYS_CONFIGURED", f"the lifecycle state of {td.actor} is {lifecycle}")
    enough = vcpu.count >= lay.MIN_TDVPS + 3 * td.tdcs["NUM_L2_VMS"]
    call.require(enough, f"only {vcpu.count} TDVPS pages")
    where = f"associated with LP {vcpu.lp}" if vcpu.lp >= 0 else "associated with no LP"
    call.require(vcpu.lp == call.lp, f"the vCPU is {where}; this is LP {call.lp}")
    # ---- all checks passed: nothing below can fail ----
    _flush(call, td, lp, "INVEPT and VMCLEAR at TDH.VP.FLUSH")
    lp.last_tdvpr = 0  # whichever vCPU was the last one
    vcpu.lp = -1
    td.tdcs["NUM_ASSOC_VCPUS"] -= 1
    call.note(e.VcpuAssociated(lp=call.lp, td=td.actor, vcpu=vcpu.index, on=-1))


def associate(call: Call, vcpu: Vcpu) -> None:
    """The first VP.ENTER, VP.RD or VP.WR of a free vCPU ties it to this logical processor."""
    if vcpu.lp < 0:
        vcpu.lp = call.lp
        vcpu.td.tdcs["NUM_ASSOC_VCPUS"] += 1
        call.note(e.VcpuAssociated(lp=call.lp, td=vcpu.td.actor, vcpu=vcpu.index, on=call.lp))


def _separate(call: Call, vcpu: Vcpu, lp: LogicalProcessor) -> None:
    """From the vCPU that ran here before: its translations and branch history go."""
    if lp.last_tdvpr != vcpu.tdvpr:
        _flush(call, vcpu.td, lp, "INVEPT: this LP last ran another vCPU")
        gone = lp.predictor.barrier()
        call.note(e.IbpbIssued(lp=lp.id, reason="this LP last ran another vCPU", entries=gone))


def _join_epoch(call: Call, vcpu: Vcpu, lp: LogicalProcessor) -> None:
    tdcs = vcpu.td.tdcs
    epoch = tdcs["TD_EPOCH"]
    tdcs[f"REFCOUNT{epoch & 1}"] += 1
    if vcpu.vps["VCPU_EPOCH"] != epoch:
        if lp.last_tdvpr == vcpu.tdvpr:
            _flush(call, vcpu.td, lp, "INVEPT: the vCPU joins a new TLB epoch")
        vcpu.vps["VCPU_EPOCH"] = epoch


def _flush(call: Call, td: Td, lp: LogicalProcessor, reason: str) -> None:
    vpid = vpid_of(td.hkid)
    count = lp.tlb.flush(vpid)
    call.note(e.TlbFlushed(lp=lp.id, vpid=vpid, count=count, reason=reason))


def _take_answers(call: Call, lp: LogicalProcessor, mask: int) -> None:
    """After a TDVMCALL the host's values reach exactly the registers that the guest selected."""
    cpu = lp.cpu
    for number, name in enumerate(r.GPR_NAMES):
        if mask >> number & 1:
            cpu.gprs[number] = call.regs.get(name.lower(), 0)
        if mask >> 16 + number & 1:
            cpu.xmm[number] = lp.xmm[number]
    cpu.gprs[r.RAX], cpu.gprs[r.RCX] = 0, mask
