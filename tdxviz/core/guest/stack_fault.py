"""Which fault an address that is none becomes: #SS(0) for a reference to the stack segment, else #GP(0).

In 64-bit mode the segment decides nothing but this, so nobody keeps it; the instruction is looked at again.
Source: Intel SDM volume 1, 3.3.7.1; volume 3, interrupt 12.
"""

from tdxviz.core.faults import EptViolation, GuestFault, MachineCheck, NonCanonical
from tdxviz.core.guest import decoder
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, Register
from tdxviz.core.guest.operands import effective
from tdxviz.core.guest.table import operand_size
from tdxviz.core.hw import path
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.units import LINE, U64

STACK = 12
WIDEST = 64
"""Bytes of the widest operand."""


def judged(p: Platform, lp: LogicalProcessor, ctx: Translation, fault: NonCanonical) -> GuestFault:
    """The fault of the instruction at RIP, which has changed nothing."""
    watching, p.trace = p.trace, False
    try:
        ins = _at_rip(p, lp, ctx)
    except (GuestFault, EptViolation, MachineCheck):
        return fault  # it was the fetch
    finally:
        p.trace = watching
    if ins is None or not _uses_stack(Context(p, lp, ctx, lp.cpu), ins, fault.gla):
        return fault
    return GuestFault(STACK, 0)


def _at_rip(p: Platform, lp: LogicalProcessor, ctx: Translation) -> Instruction | None:
    cpu = lp.cpu
    room = LINE - cpu.rip % LINE
    code = path.fetch(p, lp, ctx, cpu.rip, min(room, decoder.LONGEST))
    try:
        return decoder.decode(code, cpu.rip, cpu.bits)
    except decoder.Incomplete:
        code += path.fetch(p, lp, ctx, cpu.rip + room & U64, decoder.LONGEST - room)
        return decoder.decode(code, cpu.rip, cpu.bits)


def _uses_stack(x: Context, ins: Instruction, gla: int) -> bool:
    memory = any(ins.op_kind(n) == OpKind.MEMORY for n in range(ins.op_count))
    if memory and gla - effective(ins)(x) & U64 < (operand_size(ins, _place(ins)) or WIDEST):
        return ins.memory_segment == Register.SS
    return ins.is_stack_instruction


def _place(ins: Instruction) -> int:
    return next(n for n in range(ins.op_count) if ins.op_kind(n) == OpKind.MEMORY)
