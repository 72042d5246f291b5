"""Control registers of a TD where the module owns bits of them, and XSETBV.

Source: tdx-architecture 10.1, 10.3; module source helpers.c, td_xsetbv.c.
"""

from tdxviz.core.arch import exits, xstate
from tdxviz.core.arch import registers as r
from tdxviz.core.faults import GuestFault, Intercept
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import leaving, ve
from tdxviz.core.tdx.call import quiet
from tdxviz.core.tdx.module import Module

GP = 13
LOW = 0xFFFF_FFFF


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
