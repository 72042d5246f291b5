"""What the module makes of a running TD's outcomes: instructions, EPT violations, machine checks.

Source: tdx-architecture 7.5, 9.5, 9.6, 10.1, 11.
"""

from tdxviz.core import events as e
from tdxviz.core.arch import exits
from tdxviz.core.arch import registers as r
from tdxviz.core.faults import EptViolation, GuestFault, Intercept, MachineCheck
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import entry, guest_leaves
from tdxviz.core.tdx.call import quiet
from tdxviz.core.tdx.module import Module
from tdxviz.core.units import PAGE

UD, DF, GP, VE = 6, 8, 13, 20
PENDING_EPT_VIOLATION = 6
SHARED_BIT = 47
INTERRUPTION_VALID = 1 << 31

VE_REASONS = {
    "HLT": exits.HLT, "INVD": exits.INVD, "VMCALL": exits.VMCALL, "WBINVD": exits.WBINVD,
    "IN": exits.IO, "OUT": exits.IO, "INS": exits.IO, "OUTS": exits.IO, "RDMSR": exits.RDMSR,
    "WRMSR": exits.WRMSR, "MWAIT": exits.MWAIT, "MONITOR": exits.MONITOR,
}  # fmt: skip
GENERAL_PROTECTION = {"RDPMC", "ENQCMD"}

CPUID: dict[int, tuple[int, int, int, int]] = {
    0x0: (0x21, 0x756E6547, 0x6C65746E, 0x49656E69),
    0x1: (0x806F8, 0x0001_0800, 0x8000_2201, 0x0F8B_FBFF),
    0x7: (0, 0, 0, 0),
    0xD: (0x3, 576, 576, 0),
    0x21: (0, 0x65746E49, 0x20202020, 0x5844546C),
    0x8000_0000: (0x8000_0008, 0, 0, 0),
    0x8000_0001: (0, 0, 0, 0x2C10_0800),
    0x8000_0008: (0x3030, 0, 0, 0),
}
"""EAX EBX ECX EDX that the module answers from the TDCS; leaf 0x21 says "IntelTDX    "."""


def translation(p: Platform, m: Module, lp: int) -> Translation:
    """How the TD on this logical processor translates."""
    with quiet(p):
        vcpu = entry.running_vcpu(p, m, lp)
        td, hkid = vcpu.td, vcpu.td.hkid
        return Translation(
            actor=td.actor, vpid=entry.vpid_of(hkid), hkid=hkid, sept_root=td.sept_root,
            ept_root=vcpu.vps["SHARED_EPTP"] & ~(PAGE - 1), gpaw_shared_bit=SHARED_BIT,
            cpu=p.lps[lp].cpu, epoch=vcpu.vps["VCPU_EPOCH"], walk_sept=True,
        )  # fmt: skip


def guest_intercept(p: Platform, m: Module, lp: int, outcome: Intercept) -> GuestFault | None:
    """The instruction table. A returned fault is delivered to the guest."""
    name = outcome.name
    if name == "TDCALL":
        return guest_leaves.tdcall(p, m, lp, outcome.length)
    if name == "CPUID":
        return _cpuid(p, m, lp, outcome.length)
    if name in VE_REASONS:
        return _virtualisation_exception(p, m, lp, VE_REASONS[name], name, outcome.length)
    return GuestFault(GP, 0) if name in GENERAL_PROTECTION else GuestFault(UD)


def _cpuid(p: Platform, m: Module, lp: int, length: int) -> GuestFault | None:
    cpu = p.lps[lp].cpu
    leaf, subleaf = cpu.gprs[r.RAX] & 0xFFFF_FFFF, cpu.gprs[r.RCX] & 0xFFFF_FFFF
    if leaf not in CPUID and not 0x21 < leaf < 0x4000_0000:
        return _virtualisation_exception(p, m, lp, exits.CPUID, f"CPUID {leaf:#x}", length)
    answer = CPUID[leaf if leaf in CPUID else 0x21]
    for register, value in zip((r.RAX, r.RBX, r.RCX, r.RDX), answer, strict=True):
        cpu.gprs[register] = value
    cpu.rip += length
    with quiet(p):
        actor = entry.running_vcpu(p, m, lp).td.actor
    p.note(e.CpuidAnswered(lp=lp, actor=actor, leaf=leaf, subleaf=subleaf, by="module"))
    return None


def _virtualisation_exception(
    p: Platform, m: Module, lp: int, reason: int, why: str, length: int, gpa: int = 0, gla: int = 0
) -> GuestFault:
    """Fill the #VE information; #DF if the guest has not read the last one."""
    with quiet(p):
        vcpu = entry.running_vcpu(p, m, lp)
        vps = vcpu.vps
        if vps["VE_VALID"]:
            return GuestFault(DF, 0)
        vps["VE_EXIT_REASON"], vps["VE_LENGTH"] = reason, length
        vps["VE_GPA"], vps["VE_GLA"] = gpa, gla
        vps["VE_VALID"] = 0xFFFF_FFFF
        p.note(e.VeInjected(lp=lp, td=vcpu.td.actor, reason=reason, why=why))
    return GuestFault(VE)


def guest_ept_violation(p: Platform, m: Module, lp: int, outcome: EptViolation) -> GuestFault | None:
    """#VE for a pending page if the TD wants it, else a TD exit that tells only the page."""
    with quiet(p):
        td = entry.running_vcpu(p, m, lp).td
        hidden = td.tdcs["TD_CTLS"] & 1
        missing_shared = outcome.state == "NOT PRESENT"
    pending = outcome.state in ("PENDING", "PENDING_EXPORTED_DIRTY")
    if (pending and not hidden) or missing_shared:
        why = f"{outcome.access} of {outcome.gpa:#x}, {outcome.state}"
        return _virtualisation_exception(p, m, lp, exits.EPT_VIOLATION, why, 0, outcome.gpa, outcome.gla or 0)
    if outcome.state == "MISCONFIGURED":
        exit_ = entry.Exit(exits.EPT_MISCONFIGURATION, "the shared EPT is misconfigured", r8=0)
    else:
        access = {"load": 1, "store": 2, "fetch": 4}[outcome.access]
        exit_ = entry.Exit(
            exits.EPT_VIOLATION, f"{outcome.access} of {outcome.gpa:#x}, entry {outcome.state}",
            rcx=access, rdx=PENDING_EPT_VIOLATION if pending else 0, r8=outcome.gpa & ~(PAGE - 1),
        )  # fmt: skip
    entry.async_exit(p, m, lp, exit_)
    return None


def guest_machine_check(p: Platform, m: Module, lp: int, outcome: MachineCheck) -> None:
    """Local #MC in TD context: it goes to the module, never to the TD's own handler."""
    with quiet(p):
        actor = entry.running_vcpu(p, m, lp).td.actor
    rip = p.lps[lp].cpu.rip
    p.note(e.MachineCheckRaised(lp=lp, context=actor, hpa=outcome.hpa, rip=rip))
    why = f"machine check: poison at {outcome.hpa:#x}"
    entry.fatal_exit(p, m, lp, entry.Exit(0, why, "TDX_NON_RECOVERABLE_TD_NON_ACCESSIBLE"))


def guest_interrupt(p: Platform, m: Module, lp: int, vector: int) -> None:
    """External interrupts always exit; the vector is told in R9."""
    why = f"external interrupt {vector:#x}"
    exit_ = entry.Exit(exits.EXTERNAL_INTERRUPT, why, r9=INTERRUPTION_VALID | vector)
    entry.async_exit(p, m, lp, exit_)


def guest_triple_fault(p: Platform, m: Module, lp: int) -> None:
    exit_ = entry.Exit(exits.TRIPLE_FAULT, "triple fault", "TDX_NON_RECOVERABLE_VCPU")
    entry.async_exit(p, m, lp, exit_, state="DISABLED")
