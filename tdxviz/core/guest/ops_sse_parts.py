"""SSE2 on the parts of a register, as GCC's vectoriser uses it: shifts, packing, comparison, products, shuffles.

Source: Intel SDM volume 2.
"""

from collections.abc import Callable

from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, Register
from tdxviz.core.guest.operands import mask
from tdxviz.core.guest.ops_sse import check, lanes, logic, source
from tdxviz.core.guest.table import Build, Op

Compute = Callable[[int, int], int]
SIZES = {"W": 2, "D": 4, "Q": 8}


def signed(value: int, size: int) -> int:
    return value - (value >> size * 8 - 1 << size * 8)


def _shift(size: int, one: Callable[[int, int, int], int]) -> Build:
    """PSLL, PSRL, PSRA: every part by one count, an immediate or the low 8 bytes of operand 1."""
    keep, steps = mask(size), range(0, 128, size * 8)

    def build(ins: Instruction) -> Op:
        number = ins.op0_register - Register.XMM0
        fixed = ins.immediate(1) if ins.op_kind(1) == OpKind.IMMEDIATE8 else -1
        get = source(ins, 1, 16, aligned=True) if fixed < 0 else None

        def run(x: Context) -> None:
            check(x)
            count = fixed if get is None else get(x) & mask(8)
            value = x.cpu.xmm[number]
            x.cpu.xmm[number] = sum((one(value >> n & keep, count, size) & keep) << n for n in steps)

        return run

    return build


def _left(value: int, count: int, size: int) -> int:
    return value << count if count < size * 8 else 0


def _right(value: int, count: int, size: int) -> int:
    return value >> count if count < size * 8 else 0


def _arithmetic(value: int, count: int, size: int) -> int:
    return signed(value, size) >> min(count, size * 8 - 1)


def _pack(size: int, low: int, high: int) -> Compute:
    """Signed parts of ``size`` bytes of both operands become parts of half the size, clamped."""
    keep, half, bits = mask(size), mask(size // 2), size * 4

    def whole(a: int, b: int) -> int:
        parts = [signed(v >> n & keep, size) for v in (a, b) for n in range(0, 128, size * 8)]
        return sum((min(max(part, low), high) & half) << bits * n for n, part in enumerate(parts))

    return whole


def _signed_lanes(size: int, compute: Compute) -> Compute:
    return lanes(size, lambda a, b: compute(signed(a, size), signed(b, size)))


def _pmuludq(a: int, b: int) -> int:
    return sum((a >> n & mask(4)) * (b >> n & mask(4)) << n for n in (0, 64))


def _pmaddwd(a: int, b: int) -> int:
    products = [signed(a >> n & mask(2), 2) * signed(b >> n & mask(2), 2) for n in range(0, 128, 16)]
    return sum((products[2 * n] + products[2 * n + 1] & mask(4)) << 32 * n for n in range(4))


def _psadbw(a: int, b: int) -> int:
    apart = [abs((a >> n & 255) - (b >> n & 255)) for n in range(0, 128, 8)]
    return sum(apart[:8]) | sum(apart[8:]) << 64


def _clamped(size: int, low: int, high: int, compute: Compute) -> Compute:
    """Saturating arithmetic: signed parts where ``low`` is negative."""
    if low < 0:
        return _signed_lanes(size, lambda a, b: min(max(compute(a, b), low), high))
    return lanes(size, lambda a, b: min(max(compute(a, b), low), high))


def _ordered(compute: Callable[[int, int, int], int]) -> Build:
    """An operation on both operands with an order in an immediate byte."""

    def build(ins: Instruction) -> Op:
        get, number, order = (
            source(ins, 1, 16, aligned=True),
            ins.op0_register - Register.XMM0,
            ins.immediate(2),
        )

        def run(x: Context) -> None:
            check(x)
            b = get(x)
            x.cpu.xmm[number] = compute(x.cpu.xmm[number], b, order)

        return run

    return build


def _words(value: int, order: int, start: int) -> int:
    """PSHUFLW and PSHUFHW: four words of one half in a new order, the other half stays."""
    kept = value & ~(mask(8) << start)
    chosen = (value >> start + 16 * (order >> 2 * n & 3) & mask(2) for n in range(4))
    return kept | sum(word << start + 16 * n for n, word in enumerate(chosen))


def _shufps(a: int, b: int, order: int) -> int:
    parts = [(a if n < 2 else b) >> 32 * (order >> 2 * n & 3) & mask(4) for n in range(4)]
    return sum(part << 32 * n for n, part in enumerate(parts))


def _shufpd(a: int, b: int, order: int) -> int:
    return (a >> 64 * (order & 1) & mask(8)) | (b >> 64 * (order >> 1 & 1) & mask(8)) << 64


def _interleave_low(a: int, b: int) -> int:
    return a & mask(8) | (b & mask(8)) << 64


def _interleave_high(a: int, b: int) -> int:
    return a >> 64 | b >> 64 << 64


def _add(a: int, b: int) -> int:
    return a + b


def _subtract(a: int, b: int) -> int:
    return a - b


TABLE: dict[str, Build] = {
    **{f"PSLL{s}": _shift(n, _left) for s, n in SIZES.items()},
    **{f"PSRL{s}": _shift(n, _right) for s, n in SIZES.items()},
    "PSRAW": _shift(2, _arithmetic),
    "PSRAD": _shift(4, _arithmetic),
    "PACKUSWB": logic(_pack(2, 0, 255)),
    "PACKSSWB": logic(_pack(2, -128, 127)),
    "PACKSSDW": logic(_pack(4, -32768, 32767)),
    **{
        f"PCMPGT{s}": logic(_signed_lanes(n, lambda a, b: -1 if a > b else 0))
        for s, n in {"B": 1, "W": 2, "D": 4}.items()
    },
    "PMINSW": logic(_signed_lanes(2, min)),
    "PMAXSW": logic(_signed_lanes(2, max)),
    "PMULLW": logic(lanes(2, lambda a, b: a * b)),
    "PMULHUW": logic(lanes(2, lambda a, b: a * b >> 16)),
    "PMULHW": logic(_signed_lanes(2, lambda a, b: a * b >> 16)),
    "PMULUDQ": logic(_pmuludq),
    "PMADDWD": logic(_pmaddwd),
    "PSADBW": logic(_psadbw),
    "PAVGB": logic(lanes(1, lambda a, b: a + b + 1 >> 1)),
    "PAVGW": logic(lanes(2, lambda a, b: a + b + 1 >> 1)),
    "PADDUSB": logic(_clamped(1, 0, 255, _add)),
    "PADDUSW": logic(_clamped(2, 0, 65535, _add)),
    "PSUBUSB": logic(_clamped(1, 0, 255, _subtract)),
    "PSUBUSW": logic(_clamped(2, 0, 65535, _subtract)),
    "PADDSB": logic(_clamped(1, -128, 127, _add)),
    "PADDSW": logic(_clamped(2, -32768, 32767, _add)),
    "PSUBSB": logic(_clamped(1, -128, 127, _subtract)),
    "PSUBSW": logic(_clamped(2, -32768, 32767, _subtract)),
    "PSHUFLW": _ordered(lambda a, b, order: _words(b, order, 0)),
    "PSHUFHW": _ordered(lambda a, b, order: _words(b, order, 64)),
    "SHUFPS": _ordered(_shufps),
    "SHUFPD": _ordered(_shufpd),
    "UNPCKLPD": logic(_interleave_low),
    "UNPCKHPD": logic(_interleave_high),
}
"""Used with ``ops_sse.TABLE`` for instructions that name an XMM register."""
