"""MOVS, STOS, LODS, with and without REP. One run moves one element: a repeated instruction stays
where it is until RCX is 0, so it can be interrupted and resumed between elements."""

from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import mask
from tdxviz.core.guest.table import Build, Op
from tdxviz.core.hw.cpu import RAX, RCX, RDI, RSI
from tdxviz.core.units import U64


def _repeated(ins: Instruction, element: Op) -> Op:
    """REP: nothing for RCX = 0, else one element and, while RCX is left, the same RIP again."""
    if not (ins.has_rep_prefix or ins.has_repne_prefix):
        return element
    here = ins.ip

    def run(x: Context) -> int | None:
        count = x.gprs[RCX]
        if count == 0:
            return None
        element(x)
        x.gprs[RCX] = count - 1
        return here if count > 1 else None

    return run


def _delta(x: Context, size: int) -> int:
    return -size if x.cpu.rflags & f.DF else size


def _movs(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        def one(x: Context) -> None:
            g = x.gprs
            x.store(g[RDI], size, x.load(g[RSI], size))
            step = _delta(x, size)
            g[RSI], g[RDI] = g[RSI] + step & U64, g[RDI] + step & U64

        return _repeated(ins, one)

    return build


def _stos(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        def one(x: Context) -> None:
            g = x.gprs
            x.store(g[RDI], size, g[RAX] & mask(size))
            g[RDI] = g[RDI] + _delta(x, size) & U64

        return _repeated(ins, one)

    return build


def _lods(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        def one(x: Context) -> None:
            g = x.gprs
            value = x.load(g[RSI], size)
            g[RAX] = value if size >= 4 else g[RAX] & ~mask(size) | value
            g[RSI] = g[RSI] + _delta(x, size) & U64

        return _repeated(ins, one)

    return build


SUFFIXES = {"B": 1, "W": 2, "D": 4, "Q": 8}
TABLE: dict[str, Build] = {
    **{f"MOVS{s}": _movs(n) for s, n in SUFFIXES.items()},
    **{f"STOS{s}": _stos(n) for s, n in SUFFIXES.items()},
    **{f"LODS{s}": _lods(n) for s, n in SUFFIXES.items()},
}
