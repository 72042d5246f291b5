"""Counting bits, double shifts, rotates through carry.

Undefined flags: TZCNT, LZCNT clear SF, PF, AF and OF; SHLD and SHRD clear AF and compute OF as for a
count of one; a 16-bit double shift by more than 16 goes on into the bits that were shifted in.
"""

from collections.abc import Callable

from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import mask, reader, writer
from tdxviz.core.guest.table import Build, Op, operand_size


def _count(compute: Callable[[int, int], int]) -> Build:
    """TZCNT and LZCNT: CF says that the source was 0, ZF that the result is."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        get, put, bits = reader(ins, 1, size), writer(ins, 0, size), size * 8

        def run(x: Context) -> None:
            value = get(x)
            result = compute(value, bits)
            put(x, result)
            new = (0 if value else f.CF) | (0 if result else f.ZF)
            x.cpu.rflags = x.cpu.rflags & ~f.ARITHMETIC | new

        return run

    return build


def _trailing(value: int, bits: int) -> int:
    return (value & -value).bit_length() - 1 if value else bits


def popcnt(ins: Instruction) -> Op:
    size = operand_size(ins)
    get, put = reader(ins, 1, size), writer(ins, 0, size)

    def run(x: Context) -> None:
        value = get(x)
        put(x, value.bit_count())
        x.cpu.rflags = x.cpu.rflags & ~f.ARITHMETIC | (0 if value else f.ZF)

    return run


def _double(left: bool) -> Build:
    """SHLD and SHRD: bits come in from the second operand."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        bits, limit = size * 8, 63 if size == 8 else 31
        get, put = reader(ins, 0, size), writer(ins, 0, size)
        fill, times = reader(ins, 1, size), reader(ins, 2, 1)

        def run(x: Context) -> None:
            count, value = times(x) & limit, get(x)
            if count == 0:
                put(x, value)
                return
            result, carry = _shifted(left, value, fill(x), count, bits)
            over = (result ^ value) >> bits - 1 & 1
            put(x, result)
            new = f.result_flags(result, bits) | carry | over << 11
            x.cpu.rflags = x.cpu.rflags & ~f.ARITHMETIC | new

        return run

    return build


def _shifted(left: bool, value: int, fill: int, count: int, bits: int) -> tuple[int, int]:
    """Result and carry. Beyond the width the destination follows once more, as processors do."""
    keep = (1 << bits) - 1
    if left:
        whole = value << 2 * bits | fill << bits | value
        return whole >> 2 * bits - count & keep, whole >> 3 * bits - count & 1
    whole = value << 2 * bits | fill << bits | value
    return whole >> count & keep, whole >> count - 1 & 1


def _through_carry(left: bool) -> Build:
    """RCL and RCR: the carry is one more bit of the ring. Only CF and OF change."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        bits, limit = size * 8, 63 if size == 8 else 31
        ring = bits + 1
        get, put = reader(ins, 0, size), writer(ins, 0, size)
        times = reader(ins, 1, 1) if ins.op_count > 1 else lambda x: 1

        def run(x: Context) -> None:
            count, value = (times(x) & limit) % ring, get(x)
            cpu = x.cpu
            whole = value | (cpu.rflags & 1) << bits
            if not left:
                count = -count % ring
            whole = (whole << count | whole >> ring - count) & (1 << ring) - 1
            result, carry = whole & mask(size), whole >> bits
            top = result >> bits - 1
            over = top ^ carry if left else top ^ result >> bits - 2 & 1
            put(x, result)
            if count:
                cpu.rflags = cpu.rflags & ~(f.CF | f.OF) | carry | over << 11

        return run

    return build


TABLE: dict[str, Build] = {
    "TZCNT": _count(_trailing),
    "LZCNT": _count(lambda value, bits: bits - value.bit_length()),
    "POPCNT": popcnt,
    "SHLD": _double(True),
    "SHRD": _double(False),
    "RCL": _through_carry(True),
    "RCR": _through_carry(False),
}
