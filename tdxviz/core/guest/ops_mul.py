"""Multiplication and division. After MUL and IMUL only CF and OF are defined."""

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import mask, reader, signed, writer
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import RAX, RDX

DE = 0


def _pair(x: Context, size: int) -> int:
    """RDX:RAX (or AX) as one number."""
    if size == 1:
        return x.gprs[RAX] & 0xFFFF
    low = x.gprs[RAX] & mask(size)
    return (x.gprs[RDX] & mask(size)) << size * 8 | low


def _put_pair(x: Context, size: int, high: int, low: int) -> None:
    if size == 1:
        x.gprs[RAX] = x.gprs[RAX] & ~0xFFFF | high << 8 | low
    elif size == 2:
        x.gprs[RAX] = x.gprs[RAX] & ~0xFFFF | low
        x.gprs[RDX] = x.gprs[RDX] & ~0xFFFF | high
    else:
        x.gprs[RAX], x.gprs[RDX] = low, high


def _put_flags(x: Context, low: int, size: int, over: bool) -> None:
    x.cpu.rflags = x.cpu.rflags & ~f.ARITHMETIC | f.multiplied(low, size * 8, over)


def _wide(is_signed: bool) -> Build:
    """MUL and one-operand IMUL: the accumulator times a source into RDX:RAX."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        get, bits = reader(ins, 0, size), size * 8

        def run(x: Context) -> None:
            a, b = x.gprs[RAX] & mask(size), get(x)
            if is_signed:
                a, b = signed(a, bits), signed(b, bits)
            product = a * b
            low, high = product & mask(size), product >> bits & mask(size)
            fits = signed(low, bits) == product if is_signed else high == 0
            _put_pair(x, size, high, low)
            _put_flags(x, low, size, not fits)

        return run

    return build


def imul(ins: Instruction) -> Op:
    if ins.op_count == 1:
        return _wide(True)(ins)
    size = operand_size(ins)
    last = ins.op_count - 1
    left, right = reader(ins, last - 1, size), reader(ins, last, size)
    put, bits = writer(ins, 0, size), size * 8

    def run(x: Context) -> None:
        product = signed(left(x), bits) * signed(right(x), bits)
        low = product & mask(size)
        put(x, low)
        _put_flags(x, low, size, signed(low, bits) != product)

    return run


def _divide(is_signed: bool) -> Build:
    """DIV and IDIV: #DE for a zero divisor or a quotient that does not fit."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        get, bits = reader(ins, 0, size), size * 8

        def run(x: Context) -> None:
            divisor, whole = get(x), _pair(x, size)
            if divisor == 0:
                raise GuestFault(DE)
            if is_signed:
                divisor, whole = signed(divisor, bits), signed(whole, 2 * bits)
            quotient = abs(whole) // abs(divisor)
            if (whole < 0) != (divisor < 0):
                quotient = -quotient
            rest = whole - quotient * divisor
            low = -(1 << bits - 1) if is_signed else 0
            high = (1 << bits - 1) - 1 if is_signed else mask(size)
            if not low <= quotient <= high:
                raise GuestFault(DE)
            _put_pair(x, size, rest & mask(size), quotient & mask(size))

        return run

    return build


TABLE: dict[str, Build] = {
    "MUL": _wide(False),
    "IMUL": imul,
    "DIV": _divide(False),
    "IDIV": _divide(True),
}
