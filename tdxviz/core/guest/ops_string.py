"""MOVS, STOS, LODS, CMPS, SCAS, with and without REP. One run does one element: a repeated
instruction stays where it is until the count is 0, so it can be interrupted between elements."""

from collections.abc import Callable
from typing import TypeAlias

from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import CodeSize, Instruction, OpKind, Register
from tdxviz.core.guest.operands import base_of, mask, segment_base
from tdxviz.core.guest.table import Build, Op
from tdxviz.core.hw.cpu import RAX, RCX, RDI, RSI
from tdxviz.core.units import U64

ADDRESS_SIZES = {
    OpKind.MEMORY_SEG_SI: 2, OpKind.MEMORY_ESDI: 2, OpKind.MEMORY_SEG_ESI: 4, OpKind.MEMORY_ESEDI: 4,
    OpKind.MEMORY_SEG_RSI: 8, OpKind.MEMORY_ESRDI: 8,
}  # fmt: skip

Element: TypeAlias = Callable[[Context], None]


class Places:
    """How a string instruction finds its elements: index registers of the address size, the base of
    the source's segment, and which way to go."""

    def __init__(self, ins: Instruction, size: int) -> None:
        kinds = [ins.op_kind(n) for n in range(ins.op_count)]
        self.width = next((ADDRESS_SIZES[kind] for kind in kinds if kind in ADDRESS_SIZES), 8)
        self.keep = mask(self.width)
        self.size = size
        self.source = segment_base(ins)
        self.target = None if ins.code_size == CodeSize.CODE64 else base_of(Register.ES)
        self.wrap = U64 if ins.code_size == CodeSize.CODE64 else mask(4)

    def from_(self, x: Context) -> int:
        at = x.gprs[RSI] & self.keep
        return at if self.source is None else at + self.source(x) & self.wrap

    def to(self, x: Context) -> int:
        at = x.gprs[RDI] & self.keep
        return at if self.target is None else at + self.target(x) & self.wrap

    def advance(self, x: Context, *registers: int) -> None:
        """A 32-bit index register is zero-extended, a 16-bit one is not."""
        step = -self.size if x.cpu.rflags & f.DF else self.size
        for n in registers:
            self.put(x, n, x.gprs[n] + step)

    def put(self, x: Context, register: int, value: int) -> None:
        value &= self.keep
        x.gprs[register] = value if self.width >= 4 else x.gprs[register] & ~self.keep | value


def _repeated(ins: Instruction, places: Places, element: Element, *, compares: bool) -> Op:
    """REP: nothing for a count of 0, else one element and, while it is to go on, the same RIP."""
    if not (ins.has_rep_prefix or ins.has_repne_prefix):
        return element
    here, wanted = ins.ip, f.ZF if ins.has_rep_prefix else 0

    def run(x: Context) -> int | None:
        count = x.gprs[RCX] & places.keep
        if count == 0:
            return None
        element(x)
        places.put(x, RCX, count - 1)
        more = count > 1 and (not compares or x.cpu.rflags & f.ZF == wanted)
        return here if more else None

    return run


def _movs(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        places = Places(ins, size)

        def one(x: Context) -> None:
            x.store(places.to(x), size, x.load(places.from_(x), size))
            places.advance(x, RSI, RDI)

        return _repeated(ins, places, one, compares=False)

    return build


def _stos(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        places = Places(ins, size)

        def one(x: Context) -> None:
            x.store(places.to(x), size, x.gprs[RAX] & mask(size))
            places.advance(x, RDI)

        return _repeated(ins, places, one, compares=False)

    return build


def _lods(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        places, g_keep = Places(ins, size), mask(size)

        def one(x: Context) -> None:
            value = x.load(places.from_(x), size)
            x.gprs[RAX] = value if size >= 4 else x.gprs[RAX] & ~g_keep | value
            places.advance(x, RSI)

        return _repeated(ins, places, one, compares=False)

    return build


def _cmps(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        places = Places(ins, size)

        def one(x: Context) -> None:
            a, b = x.load(places.from_(x), size), x.load(places.to(x), size)
            _compare(x, a, b, size)
            places.advance(x, RSI, RDI)

        return _repeated(ins, places, one, compares=True)

    return build


def _scas(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        places = Places(ins, size)

        def one(x: Context) -> None:
            _compare(x, x.gprs[RAX] & mask(size), x.load(places.to(x), size), size)
            places.advance(x, RDI)

        return _repeated(ins, places, one, compares=True)

    return build


def _compare(x: Context, a: int, b: int, size: int) -> None:
    _, flags = f.sub(a, b, 0, size * 8)
    x.cpu.rflags = x.cpu.rflags & ~f.ARITHMETIC | flags


SUFFIXES = {"B": 1, "W": 2, "D": 4, "Q": 8}
TABLE: dict[str, Build] = {
    f"{name}{suffix}": make(size)
    for name, make in {"MOVS": _movs, "STOS": _stos, "LODS": _lods, "CMPS": _cmps, "SCAS": _scas}.items()
    for suffix, size in SUFFIXES.items()
}
