"""Operands as closures: made once when an instruction is compiled, called each time it runs."""

from collections.abc import Callable
from typing import TypeAlias

from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import CodeSize, Instruction, OpKind, Register, register_place
from tdxviz.core.units import U64

Read: TypeAlias = Callable[[Context], int]
Write: TypeAlias = Callable[[Context, int], None]

IMMEDIATES = {
    OpKind.IMMEDIATE8, OpKind.IMMEDIATE16, OpKind.IMMEDIATE32, OpKind.IMMEDIATE64,
    OpKind.IMMEDIATE8TO16, OpKind.IMMEDIATE8TO32, OpKind.IMMEDIATE8TO64,
    OpKind.IMMEDIATE32TO64, OpKind.IMMEDIATE8_2ND,
}  # fmt: skip


def mask(size: int) -> int:
    return (1 << size * 8) - 1


def size_of(ins: Instruction, op: int, memory_size: int = 0) -> int:
    """Operand size in bytes."""
    if ins.op_kind(op) == OpKind.REGISTER:
        return register_place(ins.op_register(op))[1]
    return memory_size


def read_register(register: int) -> Read:
    number, size, shift = register_place(register)
    if size == 8:
        return lambda x: x.gprs[number]
    keep = mask(size)
    return lambda x: x.gprs[number] >> shift & keep


def write_register(register: int) -> Write:
    """32-bit writes clear the upper half, 8- and 16-bit ones keep the rest."""
    number, size, shift = register_place(register)

    def whole(x: Context, value: int) -> None:
        x.gprs[number] = value

    if size >= 4:
        return whole
    field = mask(size) << shift

    def part(x: Context, value: int) -> None:
        x.gprs[number] = x.gprs[number] & ~field | value << shift

    return part


def base_of(segment: int) -> Read:
    """Base address of a segment register."""
    number = segment - Register.ES
    return lambda x: x.cpu.segments[number].base


def segment_base(ins: Instruction) -> Read | None:
    """Base of the memory operand's segment; None where it is 0 by definition. Segment limits are not
    modelled: outside 64-bit mode every segment reaches to the end."""
    if ins.code_size == CodeSize.CODE64 and ins.memory_segment not in (Register.FS, Register.GS):
        return None
    return base_of(ins.memory_segment)


def address(ins: Instruction) -> Read:
    """Linear address of the memory operand."""
    offset, base = effective(ins), segment_base(ins)
    if base is None:
        return offset
    wrap = U64 if ins.code_size == CodeSize.CODE64 else 0xFFFF_FFFF
    return lambda x: offset(x) + base(x) & wrap


def effective(ins: Instruction) -> Read:
    """Offset of the memory operand inside its segment."""
    base, index, scale = ins.memory_base, ins.memory_index, ins.memory_index_scale
    disp = ins.memory_displacement
    wrap = _wrap(ins)
    if base in (Register.RIP, Register.EIP):
        return lambda x: disp
    if base == Register.NONE and index == Register.NONE:
        return lambda x: disp & wrap
    if index == Register.NONE:
        number = register_place(base)[0]
        return lambda x: x.gprs[number] + disp & wrap
    second = register_place(index)[0]
    if base == Register.NONE:
        return lambda x: x.gprs[second] * scale + disp & wrap
    number = register_place(base)[0]
    return lambda x: x.gprs[number] + x.gprs[second] * scale + disp & wrap


def _wrap(ins: Instruction) -> int:
    """The address size as a mask."""
    for register in (ins.memory_base, ins.memory_index):
        if register != Register.NONE:
            return mask(register_place(register)[1])
    if ins.code_size == CodeSize.CODE64:
        return U64
    return mask(ins.memory_displ_size or 4)


def reader(ins: Instruction, op: int, size: int) -> Read:
    """Value of an operand as an unsigned number of ``size`` bytes."""
    kind = ins.op_kind(op)
    if kind == OpKind.REGISTER:
        return read_register(ins.op_register(op))
    if kind == OpKind.MEMORY:
        at = address(ins)
        return lambda x: x.load(at(x), size)
    value = ins.immediate(op) & mask(size)
    return lambda x: value


def writer(ins: Instruction, op: int, size: int) -> Write:
    if ins.op_kind(op) == OpKind.REGISTER:
        return write_register(ins.op_register(op))
    at = address(ins)
    return lambda x, value: x.store(at(x), size, value)


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 & 1 else value
