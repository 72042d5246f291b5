"""TDH.VP.ENTER and the TD exit: what crosses the border between host and TD, and what does not.

Source: tdx-architecture 8.2, 8.3, 9.1, 9.3, 9.4.
"""

from dataclasses import dataclass, replace

from tdxviz.core import events as e
from tdxviz.core.arch import exits, instructions
from tdxviz.core.arch import registers as r
from tdxviz.core.arch import state_table as st
from tdxviz.core.arch import status as s
from tdxviz.core.arch import structures as lay
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.tdx import vcpu_state
from tdxviz.core.tdx.call import Call, quiet
from tdxviz.core.tdx.locks import Lock
from tdxviz.core.tdx.module import Current, Module
from tdxviz.core.tdx.structs import Td, Vcpu
from tdxviz.core.units import PAGE, Hpa

HINT, RESUME_L1 = 1 << 52, 1 << 53
NO_RBP_MOD = 4
"""CONFIG_FLAGS: RBP never takes part in a TDVMCALL."""
PROCESS_POSTED = 1 << 7
"""Pin-based control: process posted interrupts."""
NON_ACCESSIBLE = "TDX_NON_RECOVERABLE_TD_NON_ACCESSIBLE"
TDVPR_MASK = (1 << 52) - PAGE


@dataclass(frozen=True, slots=True)
class Exit:
    """Why a TD stops, with what the host is told. Registers not named here reach it as zero."""

    reason: int
    why: str
    status: str = "TDX_SUCCESS"
    rcx: int = 0
    """Exit qualification."""
    rdx: int = 0
    """Extended exit qualification."""
    r8: int = 0
    """GPA, page-aligned."""
    r9: int = 0
    """Interruption information."""


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
    trap_like = vps["LAST_TD_EXIT"] == st.LAST_TD_EXIT["ASYNC_TRAP"]
    call.require(not rcx & HINT or trap_like, "HOST_RECOVERABILITY_HINT without a trap-like exit")
    call.require(not rcx & RESUME_L1, "no L2 VM is current")
    call.require(config.tsc_adjust == 0, "IA32_TSC_ADJUST differs from SYS.INIT")
    call.require(True, "the TSC went back")
    call.require(config.monitor_ok, "MISC_ENABLE.ENABLE_MONITOR_FSM is clear")
    call.take(Lock("TD_EPOCH", td.tdr_page), "the TD epoch is locked")
    call.require(True, "the Secure EPT is locked")
    call.require(True, "a suspicious GPA is still not mapped")  # the zero-step filter records none
    # ---- all checks passed: nothing below can fail ----
    _associate(call, vcpu, lp)
    _join_epoch(call, vcpu, lp)
    lp.cpu = vcpu_state.restore(vcpu)
    if vps["LAST_TD_EXIT"] == st.LAST_TD_EXIT["TDVMCALL"]:
        _take_answers(call, lp, vps["VMCALL_MASK"])
    lp.mode, lp.tdvpr, lp.last_tdvpr = "td", vcpu.tdvpr, vcpu.tdvpr
    for page in (vcpu.tdvpr, td.tdr_page):
        call.m.running[page] = call.m.running.get(page, 0) + 1
    call.m.current[call.lp] = Current(
        td.tdr_page, vcpu.tdvpr, td.actor, vcpu.index, td.hkid, td.sept_root,
        vps["SHARED_EPTP"] & ~(PAGE - 1), vps["VCPU_EPOCH"], vps["POSTED_INTERRUPT_NOTIFICATION_VECTOR"],
        vps["POSTED_INTERRUPT_DESCRIPTOR_ADDRESS"], bool(vps["PIN_BASED_CONTROLS"] & PROCESS_POSTED),
        instructions.cr4_barred(tdcs["ATTRIBUTES"], tdcs["XFAM"]), bool(tdcs["ATTRIBUTES"] >> 63),
    )  # fmt: skip
    _vcpu_state(call.p, call.lp, vcpu, "ACTIVE")
    if not vcpu_state.can_be_loaded(lp.cpu):
        why = "the saved registers of the vCPU are no valid state"
        refused = Exit(exits.INVALID_GUEST_STATE, why, "TDX_NON_RECOVERABLE_TD")
        _leave_epoch(vcpu)
        fatal_exit(call.p, call.m, call.lp, refused)
        return
    call.note(e.TdEntered(lp=call.lp, td=td.actor, vcpu=vcpu.index))


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
    if lp.last_tdvpr == vcpu.tdvpr:
        lp.last_tdvpr = 0
    vcpu.lp = -1
    td.tdcs["NUM_ASSOC_VCPUS"] -= 1
    call.note(e.VcpuAssociated(lp=call.lp, td=td.actor, vcpu=vcpu.index, on=-1))


def associate(call: Call, vcpu: Vcpu) -> None:
    """The first VP.ENTER, VP.RD or VP.WR of a free vCPU ties it to this logical processor."""
    if vcpu.lp < 0:
        vcpu.lp = call.lp
        vcpu.td.tdcs["NUM_ASSOC_VCPUS"] += 1
        call.note(e.VcpuAssociated(lp=call.lp, td=vcpu.td.actor, vcpu=vcpu.index, on=call.lp))


def _associate(call: Call, vcpu: Vcpu, lp: LogicalProcessor) -> None:
    associate(call, vcpu)
    if lp.last_tdvpr != vcpu.tdvpr:
        _flush(call, vcpu.td, lp, "INVEPT: this LP last ran another vCPU")
        call.note(e.IbpbIssued(lp=lp.id, reason="this LP last ran another vCPU"))


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


def _vcpu_state(p: Platform, lp: int, vcpu: Vcpu, state: str) -> None:
    before, vcpu.state = vcpu.state, state
    p.note(e.VcpuStateChanged(lp=lp, td=vcpu.td.actor, vcpu=vcpu.index, before=before, after=state))


# --- leaving ------------------------------------------------------------------------------------


def running_vcpu(p: Platform, m: Module, lp: int) -> Vcpu:
    """The vCPU that is entered on a logical processor, from its pages in memory."""
    now = m.current[lp]
    return Vcpu(Td(p, m, now.tdr), now.tdvpr)


def is_fatal(p: Platform, m: Module, lp: int) -> bool:
    """Whether another processor's machine check has killed the TD that runs here."""
    with quiet(p):
        return bool(Td(p, m, m.current[lp].tdr).tdr["FATAL"])


def async_exit(p: Platform, m: Module, lp: int, exit_: Exit, *, state: str = "READY") -> None:
    """Save under the TD's key, scrub, hand the logical processor back to the host."""
    if is_fatal(p, m, lp):
        fatal_exit(p, m, lp, replace(exit_, status=NON_ACCESSIBLE))
        return
    with quiet(p):
        vcpu = running_vcpu(p, m, lp)
        _save(p, vcpu, p.lps[lp], st.LAST_TD_EXIT["ASYNC_FAULT"])
        host = [0] * 16
        host[r.RAX] = s.STATUS[exit_.status] | exit_.reason
        host[r.RCX], host[r.RDX], host[r.R8], host[r.R9] = (
            exit_.rcx, exit_.rdx, exit_.r8, exit_.r9,
        )  # fmt: skip
        _vcpu_state(p, lp, vcpu, state)
        _leave_epoch(vcpu)
        _release(p, m, lp, host, [0] * 16, exit_)


def vmcall_exit(p: Platform, m: Module, lp: int, length: int) -> None:
    """TDG.VP.VMCALL: only the registers that the guest selects reach the host."""
    with quiet(p):
        processor, vcpu = p.lps[lp], running_vcpu(p, m, lp)
        cpu, mask = processor.cpu, processor.cpu.gprs[r.RCX]
        cpu.rip += length
        vcpu.vps["VMCALL_MASK"] = mask
        host = [value if mask >> n & 1 else 0 for n, value in enumerate(cpu.gprs)]
        xmm = [value if mask >> 16 + n & 1 else 0 for n, value in enumerate(cpu.xmm)]
        host[r.RAX], host[r.RCX] = exits.TDCALL, mask
        own_rbp = bool(vcpu.td.tdcs["CONFIG_FLAGS"] & NO_RBP_MOD)
        _save(p, vcpu, processor, st.LAST_TD_EXIT["TDVMCALL"])
        _vcpu_state(p, lp, vcpu, "READY")
        exit_ = Exit(exits.TDCALL, f"TDG.VP.VMCALL, sub-function {cpu.gprs[r.R11]:#x}")
        _leave_epoch(vcpu)
        _release(p, m, lp, host, xmm, exit_, own_rbp=own_rbp)


def fatal_exit(p: Platform, m: Module, lp: int, exit_: Exit) -> None:
    """The TD is dead: of its own memory nothing is touched, no state is saved; only the TDR, under
    the global key, learns of it."""
    with quiet(p):
        now = m.current[lp]
        tdr = Td(p, m, now.tdr).tdr
        if not tdr["FATAL"]:
            tdr["FATAL"] = 1
            p.note(e.TdBecameFatal(lp=lp, td=now.actor, why=exit_.why))
        host = [0] * 16
        host[r.RAX] = s.STATUS[exit_.status] | exit_.reason
        _release(p, m, lp, host, [0] * 16, exit_)


def _save(p: Platform, vcpu: Vcpu, lp: LogicalProcessor, last: int) -> None:
    vcpu_state.save(vcpu, lp.cpu)
    vcpu.vps["LAST_TD_EXIT"] = last
    p.note(e.StateSaved(lp=lp.id, td=vcpu.td.actor, vcpu=vcpu.index, hpa=vcpu.tdvpr))


def _leave_epoch(vcpu: Vcpu) -> None:
    vcpu.td.tdcs[f"REFCOUNT{vcpu.vps['VCPU_EPOCH'] & 1}"] -= 1


def _release(
    p: Platform, m: Module, lp: int, host: list[int], xmm: list[int], exit_: Exit, *, own_rbp: bool = False
) -> None:
    """Unlock, give the host its registers, tell what it found in them."""
    now, processor = m.current.pop(lp), p.lps[lp]
    _unlock(m, now.tdvpr)
    _unlock(m, now.tdr)
    kept = (r.RSP, r.RBP) if own_rbp else (r.RSP,)
    for number in kept:
        host[number] = processor.gprs[number]
    processor.gprs, processor.xmm, processor.cpu = host, xmm, CpuState()
    processor.mode, processor.tdvpr = "host", 0
    found = {r.GPR_NAMES[n]: v for n, v in enumerate(host) if v and n not in kept}
    vectors = tuple(f"XMM{n}" for n, value in enumerate(xmm) if value)
    p.note(e.RegistersScrubbed(lp=lp, gprs=tuple(host), exposed=(*found, *vectors)))
    status = host[r.RAX]
    p.note(
        e.TdExited(
            lp=lp, td=now.actor, vcpu=now.vcpu, reason=exit_.reason, why=exit_.why, status=status
        )
    )  # fmt: skip
    p.note(
        e.LeafReturned(
            lp=lp, side="host", leaf=0, name="TDH.VP.ENTER", status=status,
            passed=len(BY_NAME["TDH.VP.ENTER"].checks), reason=exit_.why, inputs={"RCX": now.tdvpr},
            outputs={"RAX": status, **found},
        )
    )  # fmt: skip


def _unlock(m: Module, page: Hpa) -> None:
    count = m.running.get(page, 0) - 1
    if count > 0:
        m.running[page] = count
    else:
        m.running.pop(page, None)
