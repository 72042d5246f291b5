"""CPUID in a TD: answered from the TDCS, never by the host. Source: tdx-architecture 10.1; td_cpuid.c."""

from tdxviz.core import events as e
from tdxviz.core.arch import cpuid, exits
from tdxviz.core.arch import registers as r
from tdxviz.core.faults import GuestFault
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import leaving, ve
from tdxviz.core.tdx.call import quiet
from tdxviz.core.tdx.module import Module

OSXSAVE, OSPKE, SYSCALL = 1 << 27, 1 << 4, 1 << 11
CR4_OSXSAVE, CR4_PKE = 1 << 18, 1 << 22
LOW = 0xFFFF_FFFF


def execute(p: Platform, m: Module, lp: int, length: int) -> GuestFault | None:
    cpu = p.lps[lp].cpu
    leaf, subleaf = cpu.gprs[r.RAX] & LOW, cpu.gprs[r.RCX] & LOW
    with quiet(p):
        vcpu = leaving.running_vcpu(p, m, lp)
        forced = vcpu.vps["CPUID_USER_VE" if cpu.cpl else "CPUID_SUPERVISOR_VE"]
        key = cpuid.resolve(leaf, subleaf)
        known = leaf not in cpuid.RESERVED and key[0] not in cpuid.FAULTING and key in cpuid.NAMES
        if forced or not known:
            why = f"CPUID {leaf:#x}" + (", by the guest's own wish" if forced else "")
            return ve.inject(p, m, lp, ve.Information(exits.CPUID, why, length))
        stored = cpuid.unpack(vcpu.td.tdcs[cpuid.NAMES[key]])
        answer = _dynamic(key, stored, cpu, vcpu.index)
    for register, value in zip((r.RAX, r.RBX, r.RCX, r.RDX), answer, strict=True):
        cpu.gprs[register] = value
    cpu.rip += length
    p.note(e.CpuidAnswered(lp=lp, actor=m.current[lp].actor, leaf=leaf, subleaf=subleaf, by="module"))
    return None


def _dynamic(key: tuple[int, int], stored: cpuid.Values, cpu: CpuState, index: int) -> cpuid.Values:
    """Bits that follow the vCPU's state."""
    a, b, c, d = stored
    match key[0]:
        case 0x1:
            b = b & 0x00FF_FFFF | (index & 0xFF) << 24
            c = c & ~OSXSAVE | (OSXSAVE if cpu.cr4 & CR4_OSXSAVE else 0)
        case 0x7 if key[1] == 0:
            c = c & ~OSPKE | (OSPKE if cpu.cr4 & CR4_PKE else 0)
        case 0x8000_0001:
            d = d & ~SYSCALL | (SYSCALL if cpu.bits == 64 else 0)
    return a, b, c, d
