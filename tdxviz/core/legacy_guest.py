"""What becomes of an ordinary VM's instruction that the CPU does not carry out by itself.

The hypervisor lets its guest use the MSRs of its own vCPU, answers CPUID, XSETBV and VMXON at once, and leaves
the rest to its user space: an exit. Sources: Intel SDM volume 3, 26.1 and 26.2; volume 4.
"""

from typing import NamedTuple

from tdxviz.core.arch import cpuid, exits, msrs, xstate
from tdxviz.core.events import (
    CpuidAnswered,
    IbpbIssued,
    InstructionNotModelled,
    VmxOperationEntered,
)
from tdxviz.core.faults import GuestFault, Intercept
from tdxviz.core.guest.ops_system import VMX
from tdxviz.core.hw import apic, msr_access, path
from tdxviz.core.hw.cpu import RAX, RBX, RCX, RDX, CpuState
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import LogicalProcessor
from tdxviz.core.units import U64
from tdxviz.core.world import State

UD, GP = 6, 13
LOW = 0xFFFF_FFFF
VMXE = 1 << 13
"""CR4 bit."""
VMSUCCEED_CLEARS = 0x8D5
"""CF, PF, AF, ZF, SF, OF."""

SCE, LME, LMA, NXE = 1, 1 << 8, 1 << 10, 1 << 11
PASSED_MSRS = frozenset(
    (
        0x48, *msr_access.COMMANDS, 0x174, 0x175, 0x176, 0x1D9, 0x277, *range(0x6A0, 0x6A9), msrs.EFER,
        *range(0xC0000081, 0xC0000085), *range(0xC0000100, 0xC0000104),
        apic.TPR, apic.EOI, apic.SELF_IPI,
    )
)  # fmt: skip
"""The guest's own, switched with it: no exit (speculation control, SYSENTER, DEBUGCTL, PAT, CET, EFER, SYSCALL, FS and
GS). Of the x2APIC only task priority, EOI and self-IPI are virtualised; the host answers for the rest."""

CPUID: dict[tuple[int, int], cpuid.Values] = {
    (0x0, 0): (0xD, 0x756E6547, 0x6C65746E, 0x49656E69),
    (0x1, 0): (cpuid.SIGNATURE, 0x0001_0800, cpuid.BASIC_C, cpuid.BASIC_D),
    (0x7, 0): (0, cpuid.MORE_B, cpuid.MORE_C | cpuid.CET_SS, cpuid.MORE_D | cpuid.CET_IBT),
    (0xD, 0): (xstate.X87 | xstate.SSE, 576, 576, 0), (0xD, 1): (cpuid.XGETBV_1, 576, 0, 0),
    (0x4000_0000, 0): (0x4000_0001, 0x4B4D564B, 0x564B4D56, 0x4D),
    (0x8000_0000, 0): (cpuid.LAST_EXTENDED, 0, 0, 0),
    (0x8000_0001, 0): (0, 0, cpuid.EXTENDED_C, cpuid.EXTENDED_D),
    (0x8000_0007, 0): (0, 0, 0, 1 << 8), (0x8000_0008, 0): (0x3030, 0, 0, 0),
}  # fmt: skip
"""(leaf, subleaf) -> EAX EBX ECX EDX that this host gives its VM, "KVMKVMKVM" among them; all else is zero (no
leaf 0x21: no TDX)."""
CR4_OSXSAVE, OSXSAVE = 1 << 18, 1 << 27

LEAVING = {"HLT", "IN", "OUT", "INS", "OUTS", "RDMSR", "WRMSR", "VMCALL", "INVD", "WBINVD"}
STRINGS = {"INS", "OUTS"}


class Leave(NamedTuple):
    """An exit for the host to serve. ``length``: of the instruction, if RIP still stands at it."""

    reason: int
    length: int = 0


def carry_out(
    state: State, lp: LogicalProcessor, outcome: Intercept, ctx: Translation
) -> GuestFault | Leave | None:
    """What the instruction comes to: a fault, an exit, or done.

    Raises:
        EptViolation, MachineCheck: the memory operand of INS or OUTS is not there.
    """
    cpu, name, length = lp.cpu, outcome.name, outcome.length
    match name:
        case "CPUID":
            _cpuid(state, lp, length)
            return None
        case "XSETBV":
            return _xsetbv(cpu, length)
        case "RDPMC":
            return GuestFault(GP, 0)  # CPUID shows no performance counters
        case "RDMSR" | "WRMSR" if cpu.gprs[RCX] & LOW in PASSED_MSRS or cpu.gprs[RCX] & LOW == msrs.TSC:
            return _msr(state, lp, ctx, name, length)
        case _ if name in VMX:
            return _vmx(state, lp, ctx, outcome)
        case _ if name in STRINGS:
            return _string(state, lp, ctx, outcome)
        case _ if name in LEAVING:
            cpu.rip += length
            return Leave(exits.OF_INSTRUCTION[name])
    return GuestFault(UD)


# --- ports ----------------------------------------------------------------------------------------


def _string(
    state: State, lp: LogicalProcessor, ctx: Translation, outcome: Intercept
) -> GuestFault | Leave | None:
    """The hypervisor finds the operand first: if the guest cannot reach it, the guest gets its fault.
    RIP stays; one exit moves one element."""
    size = (outcome.qualification & 7) + 1
    try:
        if outcome.name == "INS":
            path.probe_store(state.platform, lp, ctx, outcome.linear, size)
        else:
            path.load(state.platform, lp, ctx, outcome.linear, size)
    except GuestFault as fault:
        return fault
    return Leave(exits.IO, outcome.length)


# --- MSRs -----------------------------------------------------------------------------------------


def _msr(
    state: State, lp: LogicalProcessor, ctx: Translation, name: str, length: int
) -> GuestFault | Leave | None:
    cpu = lp.cpu
    index = cpu.gprs[RCX] & LOW
    if name == "RDMSR":
        value = lp.tsc if index == msrs.TSC else msr_access.read(cpu, index)
        if value is None:
            return GuestFault(GP, 0)
        cpu.gprs[RAX], cpu.gprs[RDX] = value & LOW, value >> 32
    elif index == msrs.TSC:
        cpu.rip += length
        return Leave(exits.WRMSR)  # the host may give the guest a clock of its own
    elif not _write(state, lp, ctx, index, (cpu.gprs[RDX] & LOW) << 32 | cpu.gprs[RAX] & LOW):
        return GuestFault(GP, 0)
    cpu.rip += length
    return None


def _write(state: State, lp: LogicalProcessor, ctx: Translation, index: int, value: int) -> bool:
    """False: #GP(0)."""
    cpu = lp.cpu
    if index == msrs.EFER:
        if value & ~(SCE | LME | LMA | NXE) or ((value ^ cpu.efer) & LME and cpu.paging):
            return False
        if (value ^ cpu.efer) & NXE:
            count = lp.tlb.flush(ctx.vpid)
            state.platform.note(path.flushed(lp.id, ctx.vpid, count, "EFER.NXE changed"))
        cpu.efer = value & ~LMA | cpu.efer & LMA  # LMA follows paging, not WRMSR
        return True
    if not msr_access.write(cpu, index, value):
        return False
    if index == msr_access.PRED_CMD and value & 1:
        gone = lp.predictor.barrier()
        state.platform.note(IbpbIssued(lp=lp.id, reason="the guest wrote IA32_PRED_CMD", entries=gone))
    return True


# --- what the hypervisor answers at once ------------------------------------------------------------


def _cpuid(state: State, lp: LogicalProcessor, length: int) -> None:
    """The host answers; a VM has nobody else to ask."""
    cpu = lp.cpu
    leaf, subleaf = cpu.gprs[RAX] & LOW, cpu.gprs[RCX] & LOW
    usual = CPUID.get((leaf, subleaf if leaf in cpuid.SUBLEAVED else 0), (0, 0, 0, 0))
    a, b, c, d = state.vms[lp.vm].cpuid.get(leaf, usual)
    if leaf == 1 and cpu.cr4 & CR4_OSXSAVE:
        c |= OSXSAVE
    for register, value in zip((RAX, RBX, RCX, RDX), (a, b, c, d), strict=True):
        cpu.gprs[register] = value
    cpu.rip += length
    state.platform.note(
        CpuidAnswered(lp=lp.id, actor=state.vms[lp.vm].actor, leaf=leaf, subleaf=subleaf, by="host")
    )


def _xsetbv(cpu: CpuState, length: int) -> GuestFault | None:
    """This exit is unconditional; the hypervisor loads what it offers itself, or injects #GP(0)."""
    value = (cpu.gprs[RDX] & LOW) << 32 | cpu.gprs[RAX] & LOW
    if cpu.gprs[RCX] & LOW or value & ~(xstate.X87 | xstate.SSE) & U64 or not xstate.legal_xcr0(value):
        return GuestFault(GP, 0)
    cpu.xcr0 = value
    cpu.rip += length
    return None


def _vmx(state: State, lp: LogicalProcessor, ctx: Translation, outcome: Intercept) -> GuestFault | None:
    """This hypervisor offers nested virtualisation as far as VMXON and VMXOFF; what lies between is not
    modelled, and an event says so."""
    cpu, vm = lp.cpu, state.vms[lp.vm]
    if not cpu.cr4 & VMXE or outcome.name == "VMFUNC" or (outcome.name != "VMXON" and not vm.vmx):
        return GuestFault(UD)
    if cpu.cpl:
        return GuestFault(GP, 0)
    if outcome.name == ("VMXOFF" if vm.vmx else "VMXON"):
        vm.vmx = not vm.vmx
        cpu.rflags &= ~VMSUCCEED_CLEARS
        cpu.rip += outcome.length
        if vm.vmx:
            state.platform.note(VmxOperationEntered(lp=lp.id, actor=vm.actor))
        return None
    code = path.fetch(state.platform, lp, ctx, cpu.rip, outcome.length)
    state.platform.note(
        InstructionNotModelled(lp=lp.id, actor=ctx.actor, rip=cpu.rip, code=code, text=outcome.name.lower())
    )
    return GuestFault(UD)
