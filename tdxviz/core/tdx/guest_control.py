"""Control registers of a TD where the module owns bits of them, and XSETBV.

Source: tdx-architecture 10.1, 10.3; module source helpers.c, td_xsetbv.c.
"""

from tdxviz.core.arch import cpuid, exits, xstate
from tdxviz.core.arch import registers as r
from tdxviz.core.faults import GuestFault, Intercept
from tdxviz.core.hw import path
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import leaving, ve
from tdxviz.core.tdx.call import quiet
from tdxviz.core.tdx.module import Module
from tdxviz.core.tdx.structs import Td

GP = 13
LOW = 0xFFFF_FFFF
MONITOR = 1 << 3
"""CPUID(1).ECX."""
BREAK_ON_INTERRUPT = 1
"""MWAIT: an interrupt ends the wait even if it is masked."""


def touched(p: Platform, m: Module, lp: int, outcome: Intercept) -> GuestFault:
    """The write was architecturally legal but changes a bit that the module owns."""
    why = f"{outcome.name.replace('_', ' ')}: a bit that the TDX module owns"
    info = ve.Information(exits.CR_ACCESS, why, outcome.length, outcome.qualification)
    return ve.inject(p, m, lp, info)


def xsetbv(p: Platform, m: Module, lp: int, length: int) -> GuestFault | None:
    """Always exits. #GP(0) unless ECX is 0 and the bits are legal and within XFAM."""
    cpu = p.lps[lp].cpu
    value = (cpu.gprs[r.RDX] & LOW) << 32 | cpu.gprs[r.RAX] & LOW
    with quiet(p):
        xfam = leaving.running_vcpu(p, m, lp).td.tdcs["XFAM"]
    if cpu.gprs[r.RCX] & LOW or value & ~(xfam & xstate.XCR0_KNOWN) or not xstate.legal_xcr0(value):
        return GuestFault(GP, 0)
    cpu.xcr0 = value
    cpu.rip += length
    return None


def shows_monitor(td: Td) -> bool:
    """CPUID(1).ECX of this TD has MONITOR."""
    ecx = cpuid.unpack(td.tdcs[cpuid.NAMES[0x1, 0]])[2]
    return bool(ecx & MONITOR)


def idle(p: Platform, lp: int, ctx: Translation, outcome: Intercept) -> GuestFault | None:
    """As the processor executes them: MONITOR reads a byte of the line, MWAIT waits for nothing here (it
    may return at any time, SDM volume 2). ECX holds extensions: none for MONITOR, one bit for MWAIT.

    Raises:
        GuestFault, EptViolation: as a load of the monitored byte.
    """
    cpu = p.lps[lp].cpu
    if cpu.gprs[r.RCX] & LOW & ~(0 if outcome.name == "MONITOR" else BREAK_ON_INTERRUPT):
        return GuestFault(GP, 0)
    if outcome.name == "MONITOR":
        path.load(p, p.lps[lp], ctx, cpu.gprs[r.RAX], 1)
    cpu.rip += outcome.length
    return None
