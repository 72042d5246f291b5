"""What the module makes of a running TD's outcomes: instructions, EPT violations, machine checks.

Source: tdx-architecture 7.5, 9.5, 9.6, 10.1, 11.
"""

from dataclasses import replace

from tdxviz.core import events as e
from tdxviz.core.arch import exits, instructions
from tdxviz.core.faults import EptViolation, GuestFault, Inconsistent, Intercept, MachineCheck
from tdxviz.core.hw import apic, platform
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import (
    guest_control,
    guest_cpuid,
    guest_leaves,
    guest_memory,
    guest_msr,
    leaving,
    stepping,
    ve,
)
from tdxviz.core.tdx.call import quiet
from tdxviz.core.tdx.guest_memory import SHARED_BIT
from tdxviz.core.tdx.module import Module
from tdxviz.core.tdx.shutdown import guarded
from tdxviz.core.units import PAGE, split_keyid

UD, GP = 6, 13
PENDING_EPT_VIOLATION = 6
HIDDEN = 0x1F80
"""Bits 12:7 of an EPT violation's qualification, about the linear address: not for the host."""
INTERRUPTION_VALID, HARDWARE_EXCEPTION, NMI_TYPE = 1 << 31, 3 << 8, 2 << 8
NMI_VECTOR, MC = 2, 18
MSMI = platform.MSMI
WRONG_APIC_MODE = "TDX_NON_RECOVERABLE_TD_WRONG_APIC_MODE"


def guest_intercept(p: Platform, m: Module, lp: int, outcome: Intercept) -> GuestFault | None:
    """The instruction table. A returned fault is delivered to the guest."""
    with guarded(p, m, lp):
        reason = exits.OF_INSTRUCTION.get(outcome.name, 0)
        if _fatal_already(p, m, lp, reason, outcome.name, outcome.qualification):
            return None
        return _intercept(p, m, lp, outcome)
    return None


def _fatal_already(p: Platform, m: Module, lp: int, reason: int, why: str, qualification: int) -> bool:
    """Every exit of a vCPU whose TD is fatal ends its run, whatever the exit was for; the host is told the
    exit's own qualification."""
    fatal = leaving.is_fatal(p, m, lp)
    if fatal:
        why = f"{why}, but the TD is fatal"
        leaving.fatal_exit(p, m, lp, leaving.Exit(reason, why, leaving.NON_ACCESSIBLE, rcx=qualification))
    return fatal


def _intercept(p: Platform, m: Module, lp: int, outcome: Intercept) -> GuestFault | None:
    name, length = outcome.name, outcome.length
    match instructions.BEHAVIOUR.get(name, instructions.UD):
        case instructions.MODULE:
            return _module(p, m, lp, outcome)
        case instructions.VE:
            info = ve.Information(
                exits.OF_INSTRUCTION[name],
                name,
                length,
                outcome.qualification,
                instruction=outcome.information,
            )
            return ve.inject(p, m, lp, info)
        case instructions.GP:
            return GuestFault(GP, 0)
    return GuestFault(UD)


def _module(p: Platform, m: Module, lp: int, outcome: Intercept) -> GuestFault | None:
    """Instructions that the module carries out itself, or judges."""
    length = outcome.length
    match outcome.name:
        case "TDCALL":
            try:
                return guest_leaves.tdcall(p, m, lp, length)
            except EptViolation as violation:  # of an operand; the TDCALL is repeated
                return _ept_violation(p, m, lp, violation)
        case "CPUID":
            return guest_cpuid.execute(p, m, lp, length)
        case "XSETBV":
            return guest_control.xsetbv(p, m, lp, length)
        case "MONITOR" | "MWAIT":
            return _idle(p, m, lp, outcome)
        case "MOV_CR" | "LMSW":
            return guest_control.touched(p, m, lp, outcome)
        case name:
            return guest_msr.execute(p, m, lp, name, length)


def _idle(p: Platform, m: Module, lp: int, outcome: Intercept) -> GuestFault | None:
    """MONITOR and MWAIT: #VE, unless the TD's CPUID shows them; then the processor executes them."""
    with quiet(p):
        shown = guest_control.shows_monitor(leaving.running_vcpu(p, m, lp).td)
    if not shown:
        info = ve.Information(exits.OF_INSTRUCTION[outcome.name], outcome.name, outcome.length)
        return ve.inject(p, m, lp, info)
    try:
        return guest_control.idle(p, lp, guest_memory.translation(p, m, lp), outcome)
    except EptViolation as violation:
        return _ept_violation(p, m, lp, violation)
    except GuestFault as fault:
        return fault


def guest_ept_violation(p: Platform, m: Module, lp: int, outcome: EptViolation) -> GuestFault | None:
    """#VE for a pending page if the TD wants it, else a TD exit that tells only the page."""
    with guarded(p, m, lp):
        bad = outcome.state == "MISCONFIGURED"
        reason = exits.EPT_MISCONFIGURATION if bad else exits.EPT_VIOLATION
        told = 0 if bad else outcome.qualification
        if _fatal_already(p, m, lp, reason, f"{outcome.access} of {outcome.gpa:#x}", told):
            return None
        return _ept_violation(p, m, lp, outcome)
    return None


def _ept_violation(p: Platform, m: Module, lp: int, outcome: EptViolation) -> GuestFault | None:
    if outcome.state == "CORRUPT":
        raise Inconsistent(f"the Secure EPT entry for {outcome.gpa:#x} is in no state that exists")
    with quiet(p):
        hidden = leaving.running_vcpu(p, m, lp).td.tdcs["TD_CTLS"] & 1
    pending = outcome.state in ("PENDING", "PENDING_EXPORTED_DIRTY")
    if (pending and not hidden) or outcome.state == "NOT PRESENT":
        why = f"{outcome.access} of {outcome.gpa:#x}, {outcome.state}"
        told = outcome.qualification
        info = ve.Information(exits.EPT_VIOLATION, why, 0, told, outcome.gpa, outcome.gla or 0)
        return ve.inject(p, m, lp, info)
    if outcome.state == "MISCONFIGURED":
        page = outcome.gpa & ~(PAGE - 1)
        exit_ = leaving.Exit(exits.EPT_MISCONFIGURATION, "the shared EPT is misconfigured", r8=page)
    else:
        exit_ = leaving.Exit(
            exits.EPT_VIOLATION, f"{outcome.access} of {outcome.gpa:#x}, entry {outcome.state}",
            rcx=outcome.qualification & ~HIDDEN, rdx=PENDING_EPT_VIOLATION if pending else 0, r8=outcome.gpa & ~(PAGE - 1),
        )  # fmt: skip
        if outcome.gpa >> SHARED_BIT == 0:
            with quiet(p):
                vcpu = leaving.running_vcpu(p, m, lp)
                stepping.log_violation(m, p.lps[lp], vcpu, outcome.gpa & ~(PAGE - 1))
    leaving.async_exit(p, m, lp, exit_)
    return None


def guest_machine_check(p: Platform, m: Module, lp: int, outcome: MachineCheck) -> None:
    """Local #MC in TD context: it goes to the module, never to the TD's own handler."""
    rip = p.lps[lp].cpu.rip
    p.note(e.MachineCheckRaised(lp=lp, context=m.current[lp].actor, hpa=outcome.hpa, rip=rip))
    why = f"machine check: poison at {outcome.hpa:#x}"
    with guarded(p, m, lp):
        told = INTERRUPTION_VALID | HARDWARE_EXCEPTION | MC
        leaving.fatal_exit(p, m, lp, leaving.Exit(0, why, leaving.NON_ACCESSIBLE, r9=told))


def guest_interrupt(p: Platform, m: Module, lp: int, event: int) -> bool:
    """Something from outside arrives: an external interrupt's vector, or NMI, INIT, SMI. The vector
    that notifies of posted interrupts is taken inside the TD; all else exits, unless the stepping
    filter holds it back. Returns whether the TD was left."""
    processor, now = p.lps[lp], m.current[lp]
    if now.posting and event == now.notify_vector:
        return _take_posted(p, m, lp)
    if event != MSMI and stepping.suspicious(m, processor):
        if not stepping.apic_is_off(processor):
            stepping.begin(p, m, processor)
            processor.pending |= 1 << event
            return False
        with guarded(p, m, lp):
            if leaving.is_fatal(p, m, lp):
                leaving.async_exit(p, m, lp, _interruption(event))
            else:
                why = "the stepping filter needs the local APIC, which is disabled"
                leaving.fatal_exit(p, m, lp, replace(_interruption(event), why=why, status=WRONG_APIC_MODE))
        return True
    with guarded(p, m, lp):
        if event == MSMI:
            why = "a machine check was signalled by SMI"
            leaving.fatal_exit(p, m, lp, leaving.Exit(exits.SMI, why, leaving.NON_ACCESSIBLE))
        else:
            leaving.async_exit(p, m, lp, _interruption(event))
    return True


def _interruption(event: int) -> leaving.Exit:
    """What the host is told: the vector of an external interrupt or NMI in R9."""
    match event:
        case platform.NMI:
            return leaving.Exit(exits.NMI, "NMI", r9=INTERRUPTION_VALID | NMI_TYPE | NMI_VECTOR)
        case platform.INIT:
            return leaving.Exit(exits.INIT, "INIT signal")
        case platform.SMI:
            return leaving.Exit(exits.SMI, "SMI")
    return leaving.Exit(
        exits.EXTERNAL_INTERRUPT, f"external interrupt {event:#x}", r9=INTERRUPTION_VALID | event
    )


def _take_posted(p: Platform, m: Module, lp: int) -> bool:
    now = m.current[lp]
    hpa, keyid = split_keyid(now.descriptor)
    try:
        with quiet(p):
            vectors = apic.take_posted(p, p.lps[lp].cpu, hpa, keyid)
    except MachineCheck as poison:
        guest_machine_check(p, m, lp, poison)
        return True
    p.note(e.InterruptsPosted(lp=lp, td=now.actor, vectors=vectors))
    return False


def nmi_window(p: Platform, m: Module, lp: int) -> None:
    """NMI-window exit: deliver the NMI that the host asked for with VP.WR, but not while #VE information
    waits to be read."""
    with guarded(p, m, lp), quiet(p):
        vps, processor = leaving.running_vcpu(p, m, lp).vps, p.lps[lp]
        if not vps["VE_VALID"]:
            vps["PEND_NMI"], processor.nmi_window = 0, False
            processor.cpu.event = INTERRUPTION_VALID | NMI_TYPE | NMI_VECTOR


def guest_triple_fault(p: Platform, m: Module, lp: int) -> None:
    exit_ = leaving.Exit(exits.TRIPLE_FAULT, "triple fault", "TDX_NON_RECOVERABLE_VCPU")
    with guarded(p, m, lp):
        leaving.async_exit(p, m, lp, exit_, state="DISABLED")
