"""BMI1: ANDN, BEXTR, BLSI, BLSMSK, BLSR (TZCNT is in ``ops_bits``). Source: Intel SDM volume 2.

Undefined flags (AF, PF; SF of BEXTR) are cleared.
"""

from collections.abc import Callable

from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import mask, reader, writer
from tdxviz.core.guest.table import Build, Op, operand_size


def _put_flags(x: Context, result: int, size: int, carry: bool) -> None:
    new = (0 if result else f.ZF) | (f.SF if result >> size * 8 - 1 else 0) | (f.CF if carry else 0)
    x.cpu.rflags = x.cpu.rflags & ~f.ARITHMETIC | new


def andn(ins: Instruction) -> Op:
    size = operand_size(ins)
    first, second, put = reader(ins, 1, size), reader(ins, 2, size), writer(ins, 0, size)

    def run(x: Context) -> None:
        result = ~first(x) & second(x)
        put(x, result)
        _put_flags(x, result, size, carry=False)

    return run


def bextr(ins: Instruction) -> Op:
    """Bits from ``control`` 7:0 on, as many as its bits 15:8 say."""
    size = operand_size(ins)
    source, control, put = reader(ins, 1, size), reader(ins, 2, size), writer(ins, 0, size)

    def run(x: Context) -> None:
        where = control(x)
        result = source(x) >> (where & 0xFF) & (1 << (where >> 8 & 0xFF)) - 1
        put(x, result)
        _put_flags(x, result, size, carry=False)
        x.cpu.rflags &= ~f.SF

    return run


def _lowest(compute: Callable[[int], int], *, carry_of_zero: bool) -> Build:
    """About the lowest set bit; CF says whether the source was 0, or (BLSI) was not."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        get, put, keep = reader(ins, 1, size), writer(ins, 0, size), mask(size)

        def run(x: Context) -> None:
            value = get(x)
            result = compute(value) & keep
            put(x, result)
            _put_flags(x, result, size, carry=(value == 0) == carry_of_zero)

        return run

    return build


TABLE: dict[str, Build] = {
    "ANDN": andn,
    "BEXTR": bextr,
    "BLSI": _lowest(lambda value: value & -value, carry_of_zero=False),
    "BLSMSK": _lowest(lambda value: value ^ value - 1, carry_of_zero=True),
    "BLSR": _lowest(lambda value: value & value - 1, carry_of_zero=True),
}
