"""Shifts, rotates and single bits."""

from collections.abc import Callable

from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind
from tdxviz.core.guest.operands import address, mask, read_register, reader, signed, writer
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.units import U64

SHIFT_FLAGS = f.ARITHMETIC

Shift = Callable[[int, int, int], tuple[int, int, int]]
"""(value, count, bits) -> result, CF, OF."""


def _shl(value: int, count: int, bits: int) -> tuple[int, int, int]:
    wide = value << count
    result = wide & (1 << bits) - 1
    carry = wide >> bits & 1
    return result, carry, result >> bits - 1 & 1 ^ carry


def _shr(value: int, count: int, bits: int) -> tuple[int, int, int]:
    return value >> count, value >> count - 1 & 1, value >> bits - 1 & 1


def _sar(value: int, count: int, bits: int) -> tuple[int, int, int]:
    whole = signed(value, bits)
    return whole >> count & (1 << bits) - 1, whole >> count - 1 & 1, 0


def _rol(value: int, count: int, bits: int) -> tuple[int, int, int]:
    count %= bits
    result = (value << count | value >> bits - count) & (1 << bits) - 1
    carry = result & 1
    return result, carry, result >> bits - 1 & 1 ^ carry


def _ror(value: int, count: int, bits: int) -> tuple[int, int, int]:
    count %= bits
    result = (value >> count | value << bits - count) & (1 << bits) - 1
    top = result >> bits - 1 & 1
    return result, top, top ^ result >> bits - 2 & 1


def _shift(compute: Shift, *, rotate: bool = False) -> Build:
    keep = ~(f.CF | f.OF) if rotate else ~SHIFT_FLAGS

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        bits, limit = size * 8, 63 if size == 8 else 31
        get, put = reader(ins, 0, size), writer(ins, 0, size)
        times = reader(ins, 1, 1) if ins.op_count > 1 else lambda x: 1

        def run(x: Context) -> None:
            count = times(x) & limit
            value = get(x)
            if count == 0:
                put(x, value)  # a 32-bit destination is still zero-extended
                return
            result, carry, over = compute(value, count, bits)
            put(x, result)
            new = 0 if rotate else f.result_flags(result, bits)
            x.cpu.rflags = x.cpu.rflags & keep | new | carry | over << 11

        return run

    return build


def _bit(change: Callable[[int, int], int] | None) -> Build:
    """BT, BTS, BTR, BTC: a register index reaches beyond a memory operand."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        if ins.op_kind(0) == OpKind.MEMORY and ins.op_kind(1) == OpKind.REGISTER:
            return _bit_string(ins, size, change)
        get, index = reader(ins, 0, size), reader(ins, 1, size)
        put = writer(ins, 0, size) if change else None
        bits = size * 8

        def run(x: Context) -> None:
            value, number = get(x), index(x) % bits
            if change is not None and put is not None:
                put(x, change(value, 1 << number))
            x.cpu.rflags = x.cpu.rflags & ~f.CF | value >> number & 1

        return run

    return build


def _bit_string(ins: Instruction, size: int, change: Callable[[int, int], int] | None) -> Op:
    at, index, bits = address(ins), read_register(ins.op_register(1)), size * 8

    def run(x: Context) -> None:
        number = signed(index(x), bits)
        gla = at(x) + (number // bits) * size & U64
        value = x.load(gla, size)
        if change is not None:
            x.store(gla, size, change(value, 1 << number % bits))
        x.cpu.rflags = x.cpu.rflags & ~f.CF | value >> number % bits & 1

    return run


def _scan(forward: bool) -> Build:
    """BSF and BSR: a zero source sets ZF and leaves the destination."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        get, put = reader(ins, 1, size), writer(ins, 0, size)

        def run(x: Context) -> None:
            value = get(x)
            if value:
                put(x, ((value & -value) if forward else value).bit_length() - 1)
            x.cpu.rflags = x.cpu.rflags & ~f.ZF | (0 if value else f.ZF)

        return run

    return build


def _clear(value: int, bit: int) -> int:
    return value & ~bit & mask(8)


TABLE: dict[str, Build] = {
    "SHL": _shift(_shl),
    "SAL": _shift(_shl),
    "SHR": _shift(_shr),
    "SAR": _shift(_sar),
    "ROL": _shift(_rol, rotate=True),
    "ROR": _shift(_ror, rotate=True),
    "BT": _bit(None),
    "BTS": _bit(lambda value, bit: value | bit),
    "BTR": _bit(_clear),
    "BTC": _bit(lambda value, bit: value ^ bit),
    "BSF": _scan(True),
    "BSR": _scan(False),
}
