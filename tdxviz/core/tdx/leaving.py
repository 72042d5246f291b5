"""The TD exit: what crosses the border from a TD to the host, and what does not.

Source: tdx-architecture 9.2, 9.3, 9.4, 11.
"""

from dataclasses import dataclass, replace

from tdxviz.core import events as e
from tdxviz.core.arch import exits
from tdxviz.core.arch import registers as r
from tdxviz.core.arch import state_table as st
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.hw import interrupts
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.tdx import pamt, stepping, vcpu_state
from tdxviz.core.tdx.call import quiet
from tdxviz.core.tdx.module import Current, Module
from tdxviz.core.tdx.structs import Td, Vcpu
from tdxviz.core.units import Hpa

NO_RBP_MOD = 4
"""CONFIG_FLAGS: RBP never takes part in a TDVMCALL."""
NON_ACCESSIBLE = "TDX_NON_RECOVERABLE_TD_NON_ACCESSIBLE"


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


def running_vcpu(p: Platform, m: Module, lp: int) -> Vcpu:
    """The vCPU that is entered on a logical processor, from its pages in memory."""
    now = m.current[lp]
    return Vcpu(Td(p, m, now.tdr), now.tdvpr)


def is_fatal(p: Platform, m: Module, lp: int) -> bool:
    """Whether another processor's machine check has killed the TD that runs here."""
    with quiet(p):
        return bool(Td(p, m, m.current[lp].tdr).tdr["FATAL"])


def async_exit(
    p: Platform, m: Module, lp: int, exit_: Exit, *, state: str = "READY", last: str = "ASYNC_FAULT"
) -> None:
    """Save under the TD's key, scrub, hand the logical processor back to the host. ``last``: whether the
    guest's instruction is made again or was completed (ASYNC_TRAP)."""
    if is_fatal(p, m, lp):
        fatal_exit(p, m, lp, replace(exit_, status=NON_ACCESSIBLE, rdx=0, r8=0))
        return
    with quiet(p):
        vcpu = running_vcpu(p, m, lp)
        stepping.progress(m, p.lps[lp], vcpu)
        _save(p, vcpu, p.lps[lp], st.LAST_TD_EXIT[last])
        change_state(p, lp, vcpu, state)
        leave_epoch(vcpu)
        _release(p, m, lp, host_registers(exit_), [0] * 16, exit_)


def host_registers(exit_: Exit) -> list[int]:
    """General registers after an asynchronous exit: the exit's information, and zeros."""
    host = [0] * 16
    host[r.RAX] = s.STATUS[exit_.status] | exit_.reason
    host[r.RCX], host[r.RDX], host[r.R8], host[r.R9] = exit_.rcx, exit_.rdx, exit_.r8, exit_.r9
    return host


def vmcall_exit(p: Platform, m: Module, lp: int, length: int) -> None:
    """TDG.VP.VMCALL: only the registers that the guest selects reach the host."""
    with quiet(p):
        processor, vcpu = p.lps[lp], running_vcpu(p, m, lp)
        cpu, mask = processor.cpu, processor.cpu.gprs[r.RCX]
        cpu.rip += length
        stepping.progress(m, p.lps[lp], vcpu)
        vcpu.vps["VMCALL_MASK"] = mask
        host = [value if mask >> n & 1 else 0 for n, value in enumerate(cpu.gprs)]
        xmm = [value if mask >> 16 + n & 1 else 0 for n, value in enumerate(cpu.xmm)]
        host[r.RAX], host[r.RCX] = exits.TDCALL, mask
        own_rbp = bool(vcpu.td.tdcs["CONFIG_FLAGS"] & NO_RBP_MOD)
        _save(p, vcpu, processor, st.LAST_TD_EXIT["TDVMCALL"])
        change_state(p, lp, vcpu, "READY")
        exit_ = Exit(exits.TDCALL, f"TDG.VP.VMCALL, sub-function {cpu.gprs[r.R11]:#x}")
        leave_epoch(vcpu)
        _release(p, m, lp, host, xmm, exit_, own_rbp=own_rbp)


def change_state(p: Platform, lp: int, vcpu: Vcpu, state: str) -> None:
    before, vcpu.state = vcpu.state, state
    p.note(e.VcpuStateChanged(lp=lp, td=vcpu.td.actor, vcpu=vcpu.index, before=before, after=state))


def fatal_exit(p: Platform, m: Module, lp: int, exit_: Exit) -> None:
    """The TD is dead: of its own memory nothing is touched, no state is saved; only the TDR, under
    the global key, learns of it."""
    with quiet(p):
        now = m.current[lp]
        tdr = Td(p, m, now.tdr).tdr
        if not tdr["FATAL"]:
            tdr["FATAL"] = 1
            p.note(e.TdBecameFatal(lp=lp, td=now.actor, why=exit_.why))
        _release(p, m, lp, host_registers(exit_), [0] * 16, exit_)


def _save(p: Platform, vcpu: Vcpu, lp: LogicalProcessor, last: int) -> None:
    vcpu_state.save(vcpu, lp.cpu)
    vcpu.vps["LAST_TD_EXIT"], vcpu.vps["LAST_EXIT_TSC"] = last, lp.tsc
    p.note(e.StateSaved(lp=lp.id, td=vcpu.td.actor, vcpu=vcpu.index, hpa=vcpu.tdvpr))


def leave_epoch(vcpu: Vcpu) -> None:
    vcpu.td.tdcs[f"REFCOUNT{vcpu.vps['VCPU_EPOCH'] & 1}"] -= 1


def _release(
    p: Platform, m: Module, lp: int, host: list[int], xmm: list[int], exit_: Exit, *, own_rbp: bool = False
) -> None:
    """Unlock, give the host its registers, tell what it found in them."""
    for page in (m.current[lp].tdvpr, m.current[lp].tdr):
        pamt.consult(p, m, page)  # their locks are in their PAMT entries
    now, processor = m.current.pop(lp), p.lps[lp]
    _unlock(m, now.tdvpr)
    _unlock(m, now.tdr)
    stepping.forget(m, processor)
    hand_over(p, processor, host, xmm, now, exit_, own_rbp=own_rbp)


def hand_over(
    p: Platform, processor: LogicalProcessor, host: list[int], xmm: list[int], now: Current, exit_: Exit,
    *, own_rbp: bool = False,
) -> None:  # fmt: skip
    """The host's registers after a TD exit, and the events that tell of them."""
    lp, kept = processor.id, (r.RSP, r.RBP) if own_rbp else (r.RSP,)
    for number in kept:
        host[number] = processor.gprs[number]
    processor.gprs, processor.xmm, processor.cpu = host, xmm, CpuState()
    processor.mode, processor.tdvpr = "host", 0
    processor.tsc_multiplier, processor.tsc_offset = 1 << 48, 0
    processor.host.scrub(now.xfam)
    if processor.predictor.clear_history():
        p.note(e.BranchHistoryCleared(lp=lp, reason="the TDX module was entered by a TD exit"))
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
    interrupts.host_takes(p, processor)


def _unlock(m: Module, page: Hpa) -> None:
    count = m.running.get(page, 0) - 1
    if count > 0:
        m.running[page] = count
    else:
        m.running.pop(page, None)
