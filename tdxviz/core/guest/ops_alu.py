"""Arithmetic, logic and comparison."""

from collections.abc import Callable

from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import mask, reader, writer
from tdxviz.core.guest.table import Op, operand_size

KEEP = ~f.ARITHMETIC
Binary = Callable[[int, int, int, int], tuple[int, int]]


def _binary(compute: Binary, *, carry: bool = False, keep: bool = True) -> Callable[[Instruction], Op]:
    """ADD-like: destination and source to destination, with six flags."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        bits = size * 8
        left, right = reader(ins, 0, size), reader(ins, 1, size)
        put = writer(ins, 0, size) if keep else None

        def run(x: Context) -> None:
            cpu = x.cpu
            a, b = left(x), right(x)
            value, new = compute(a, b, cpu.rflags & 1 if carry else 0, bits)
            if put is not None:
                put(x, value)
            cpu.rflags = cpu.rflags & KEEP | new

        return run

    return build


def _and(a: int, b: int, _carry: int, bits: int) -> tuple[int, int]:
    return a & b, f.logic(a & b, bits)


def _or(a: int, b: int, _carry: int, bits: int) -> tuple[int, int]:
    return a | b, f.logic(a | b, bits)


def _xor(a: int, b: int, _carry: int, bits: int) -> tuple[int, int]:
    return a ^ b, f.logic(a ^ b, bits)


def _step(compute: Binary) -> Callable[[Instruction], Op]:
    """INC and DEC: CF stays."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        get, put, bits = reader(ins, 0, size), writer(ins, 0, size), size * 8

        def run(x: Context) -> None:
            value, new = compute(get(x), 1, 0, bits)
            put(x, value)
            cpu = x.cpu
            cpu.rflags = cpu.rflags & (KEEP | f.CF) | new & ~f.CF

        return run

    return build


def neg(ins: Instruction) -> Op:
    size = operand_size(ins)
    get, put, bits = reader(ins, 0, size), writer(ins, 0, size), size * 8

    def run(x: Context) -> None:
        value, new = f.sub(0, get(x), 0, bits)
        put(x, value)
        x.cpu.rflags = x.cpu.rflags & KEEP | new

    return run


def not_(ins: Instruction) -> Op:
    size = operand_size(ins)
    get, put, ones = reader(ins, 0, size), writer(ins, 0, size), mask(size)
    return lambda x: put(x, get(x) ^ ones)


def _flag(clear: int, set_: int) -> Callable[[Instruction], Op]:
    def build(ins: Instruction) -> Op:
        def run(x: Context) -> None:
            x.cpu.rflags = x.cpu.rflags & ~clear | set_

        return run

    return build


def cmc(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        x.cpu.rflags ^= f.CF

    return run


TABLE = {
    "ADD": _binary(f.add),
    "ADC": _binary(f.add, carry=True),
    "SUB": _binary(f.sub),
    "SBB": _binary(f.sub, carry=True),
    "CMP": _binary(f.sub, keep=False),
    "AND": _binary(_and),
    "OR": _binary(_or),
    "XOR": _binary(_xor),
    "TEST": _binary(_and, keep=False),
    "INC": _step(f.add),
    "DEC": _step(f.sub),
    "NEG": neg,
    "NOT": not_,
    "CLC": _flag(f.CF, 0),
    "STC": _flag(0, f.CF),
    "CMC": cmc,
    "CLD": _flag(f.DF, 0),
    "STD": _flag(0, f.DF),
}
