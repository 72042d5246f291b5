"""RDMSR and WRMSR in a TD: the policy of arch.msr_policy, carried out. Source: tdx-architecture 10.2."""

from tdxviz.core import events as e
from tdxviz.core.arch import exits, msr_policy, msrs
from tdxviz.core.arch import registers as r
from tdxviz.core.faults import GuestFault
from tdxviz.core.hw import msr_access
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import leaving, ve
from tdxviz.core.tdx.call import quiet
from tdxviz.core.tdx.module import Module

GP = 13
LOW = 0xFFFF_FFFF
SCE, LMA = 1, 1 << 10
EFER, DEBUGCTL, XSS = 0xC0000080, 0x1D9, 0xDA0
TR, BTS, DEBUGCTL_KNOWN = 1 << 6, 1 << 7, 0xFFC7
XFAM_SUPERVISOR = 0x0001_DD00
"""XFAM bits that belong to IA32_XSS: PT 8, PASID 10, CET 11-12, ULI 14, LBR 15, HWP 16."""


def execute(p: Platform, m: Module, lp: int, name: str, length: int) -> GuestFault | None:
    """``name``: RDMSR or WRMSR."""
    cpu = p.lps[lp].cpu
    index, reading = cpu.gprs[r.RCX] & LOW, name == "RDMSR"
    row = msr_policy.rule(index)
    with quiet(p):
        tdcs = leaving.running_vcpu(p, m, lp).td.tdcs
        attributes, xfam = tdcs["ATTRIBUTES"], tdcs["XFAM"]
    if row.needs and not msr_policy.has(row.needs, attributes, xfam):
        return GuestFault(GP, 0)
    what = row.read if reading else row.write
    if what == msr_policy.GP:
        return GuestFault(GP, 0)
    value = (cpu.gprs[r.RDX] & LOW) << 32 | cpu.gprs[r.RAX] & LOW
    if what == msr_policy.EMULATED and not reading:
        what = _emulated_write(cpu, index, value, xfam)
    if what == msr_policy.VE:
        reason = exits.RDMSR if reading else exits.WRMSR
        return ve.inject(p, m, lp, ve.Information(reason, f"{name} {index:#x}", length))
    if what == msr_policy.GP:
        return GuestFault(GP, 0)
    if reading:
        return _read(p, m, lp, index, length)
    if what == msr_policy.DIRECT and not _write(p, lp, index, value):
        return GuestFault(GP, 0)
    cpu.rip += length
    return None


def _read(p: Platform, m: Module, lp: int, index: int, length: int) -> GuestFault | None:
    cpu = p.lps[lp].cpu
    value = msr_policy.EMULATED_VALUES.get(index)
    if index in range(0x480, 0x493):
        value = 0
    elif index == msrs.TSC:
        value = p.lps[lp].guest_tsc()
    elif value is None:
        value = msr_access.read(cpu, index)
    if value is None:
        return GuestFault(GP, 0)
    cpu.gprs[r.RAX], cpu.gprs[r.RDX] = value & LOW, value >> 32 & LOW
    cpu.rip += length
    return None


def _write(p: Platform, lp: int, index: int, value: int) -> bool:
    if not msr_access.write(p.lps[lp].cpu, index, value):
        return False
    if index == msr_access.PRED_CMD and value & 1:
        lp_ = p.lps[lp]
        gone = lp_.predictor.barrier()
        p.note(e.IbpbIssued(lp=lp, reason="the guest wrote IA32_PRED_CMD", entries=gone))
    return True


def _emulated_write(cpu: CpuState, index: int, value: int, xfam: int) -> str:
    """What becomes of a write that the module looks at itself; ``emulated`` = done."""
    if index == XSS:
        if value & ~(xfam & XFAM_SUPERVISOR):
            return msr_policy.GP
    elif index == EFER:
        if (value ^ cpu.efer) & ~(SCE | LMA):
            return msr_policy.VE
        value = cpu.efer & ~SCE | value & SCE
    elif index == DEBUGCTL:
        if value & ~DEBUGCTL_KNOWN:
            return msr_policy.GP
        if value & TR and not value & BTS:
            return msr_policy.VE
    cpu.set_msr(index, value)
    return msr_policy.EMULATED
