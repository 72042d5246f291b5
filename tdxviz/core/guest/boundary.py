"""Between two instructions: what must be delivered, and when the fast run must go step by step.

Order (SDM volume 3, chapter 7.9): an event kept from an earlier exit, interrupts, then the checks of
the next instruction; the debug trap of an instruction comes right behind it.
"""

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import debug, exceptions, shadow
from tdxviz.core.guest.context import Context
from tdxviz.core.hw import apic
from tdxviz.core.hw.cpu import NOWHERE, CpuState
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import LogicalProcessor, Platform

DB = 1
TF, IF, RF = 1 << 8, 1 << 9, 1 << 16


def before(p: Platform, lp: LogicalProcessor, ctx: Translation, steps: int) -> int:
    """Deliver what is due. Returns how many instructions may now run without looking again.

    Raises:
        Architectural: delivering it, or fetching the next instruction, had an outcome.
    """
    cpu = lp.cpu
    if cpu.quiet_at != cpu.rip:
        cpu.quiet_at = NOWHERE
    deliver_kept(p, lp, ctx)
    vector = apic.deliverable(cpu) if cpu.irr else -1
    if vector >= 0:
        apic.accept(cpu, vector)
        exceptions.deliver(p, lp, ctx, cpu, vector, kind="interrupt")
    if cpu.cet and shadow.waiting(cpu):
        shadow.check_endbranch(Context(p, lp, ctx, cpu))
    if cpu.dr7 & debug.ENABLED:
        _instruction_breakpoint(cpu)
    alone = cpu.irr or cpu.rflags & TF or cpu.dr7 & debug.ENABLED or cpu.quiet_at != NOWHERE
    return 1 if alone else steps


def deliver_kept(p: Platform, lp: LogicalProcessor, ctx: Translation) -> None:
    """The event whose delivery an exit interrupted. Raises as ``before``."""
    cpu = lp.cpu
    kept = exceptions.pending(cpu)
    if kept is not None:
        exceptions.deliver(p, lp, ctx, cpu, kept.vector, kept.error, kind=kept.kind)


def after(p: Platform, lp: LogicalProcessor, ctx: Translation, start: int, flags: int) -> None:
    """Right behind a run that began at ``start`` with these RFLAGS: RF was for that instruction, TF traps
    behind it, and so do the data breakpoints that it met."""
    cpu = lp.cpu
    if cpu.quiet_at == start:
        cpu.quiet_at = NOWHERE
    if flags & RF:
        cpu.rflags &= ~RF
    if flags & TF or ctx.hits:
        debug.note(cpu, ctx.hits, step=bool(flags & TF))
        exceptions.deliver(p, lp, ctx, cpu, DB, kind="trap")


def holds_trap(cpu: CpuState, flags: int, cpl: int) -> bool:
    """Whether no single-step trap comes behind the instruction that found these RFLAGS and this CPL: MOV SS and POP
    SS (STI sets IF instead), and a SYSCALL that clears TF."""
    by_stack_segment = cpu.quiet_at == cpu.rip and not (flags ^ cpu.rflags) & IF
    return by_stack_segment or (cpu.cpl < cpl and not cpu.rflags & TF)


def keep_trap(cpu: CpuState) -> None:
    """A single-step trap behind an instruction that somebody else carried out: a pending debug exception."""
    debug.note(cpu, 0, step=True)
    if exceptions.pending(cpu) is None:
        cpu.event = exceptions.EVENT_VALID | exceptions.TYPES["trap"] << 8 | DB


def _instruction_breakpoint(cpu: CpuState) -> None:
    """A fault before the instruction, unless RF says that it was seen. Raises #DB."""
    hits = debug.at_instruction(cpu)
    if hits and not cpu.rflags & RF:
        debug.note(cpu, hits)
        raise GuestFault(DB)
