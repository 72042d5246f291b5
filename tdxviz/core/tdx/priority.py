"""A guest that keeps losing a lock to the host: told BUSY, and after HP_LOCK_TIMEOUT taken off the processor.

Source: tdx-architecture 2.3, 9.4; module source tdx_td_dispatcher.c of the 1.5 branch.
"""

from tdxviz.core.arch import cpuid
from tdxviz.core.arch import status as s
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import leaving
from tdxviz.core.tdx.module import Module

FOR_HOST = s.STATUS["TDX_OPERAND_BUSY_HOST_PRIORITY"]
BUSY = s.STATUS["TDX_OPERAND_BUSY"]
LOW = 0xFFFF_FFFF
MICROSECONDS = 1_000_000


def weigh(p: Platform, m: Module, lp: int, status: int) -> int:
    """The status as the guest sees it. The time since when it has been losing is kept, or forgotten."""
    lost = status & ~LOW == FOR_HOST
    if lost != m.current[lp].losing:
        vps = leaving.running_vcpu(p, m, lp).vps
        vps["HP_LOCK_BUSY"] = int(lost)
        if lost:
            vps["HP_LOCK_BUSY_START"] = p.lps[lp].tsc
        m.current[lp] = m.current[lp]._replace(losing=lost)
    return BUSY | status & LOW if lost else status


def give_up(p: Platform, m: Module, lp: int, status: int) -> None:
    """After HP_LOCK_TIMEOUT the guest, which has its answer already, is taken off: a trap-like TD exit."""
    if status & ~LOW != FOR_HOST:
        return
    vcpu = leaving.running_vcpu(p, m, lp)
    limit = vcpu.td.tdcs["HP_LOCK_TIMEOUT"] * cpuid.TSC_HZ // MICROSECONDS
    lost = p.lps[lp].tsc - vcpu.vps["HP_LOCK_BUSY_START"]
    if lost < limit:
        return
    vcpu.vps["HP_LOCK_BUSY"] = 0
    why = f"the guest has been losing a lock to the host for {lost} ticks"
    leaving.async_exit(p, m, lp, leaving.Exit(0, why, "TDX_HOST_PRIORITY_BUSY_TIMEOUT"), last="ASYNC_TRAP")
