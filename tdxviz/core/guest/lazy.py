"""Flags that are computed only when somebody looks: an operation and its operands stand for them.

A kind takes the six flags before, the two operands ``a`` and ``b``, and ``t``: the result before it
is cut to its width (negative after a borrow). Kinds in ``FULL`` do not use the flags before.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from tdxviz.core.guest import flags as f

Kind: TypeAlias = Callable[[int, int, int, int], int]
"""(flags before, a, b, t) -> CF PF AF ZF SF OF after."""

Pending: TypeAlias = tuple[Kind, int, int, int]
WIDTHS = (8, 16, 32, 64)


def _add(bits: int) -> Kind:
    keep, top = (1 << bits) - 1, bits - 1

    def kind(old: int, a: int, b: int, t: int) -> int:
        r = t & keep
        over = ((a ^ r) & (b ^ r)) >> top & 1
        return f.result_flags(r, bits) | t >> bits | (a ^ b ^ r) & f.AF | over << 11

    return kind


def _sub(bits: int) -> Kind:
    keep, top = (1 << bits) - 1, bits - 1

    def kind(old: int, a: int, b: int, t: int) -> int:
        r = t & keep
        over = ((a ^ b) & (a ^ r)) >> top & 1
        return f.result_flags(r, bits) | (t < 0) | (a ^ b ^ r) & f.AF | over << 11

    return kind


def _logic(bits: int) -> Kind:
    return lambda old, a, b, t: f.result_flags(t, bits)


def _step(bits: int, edge: int) -> Kind:
    """INC and DEC: ``b`` is the carry before, which stays; ``edge`` is the result that overflowed."""
    keep = (1 << bits) - 1

    def kind(old: int, a: int, b: int, t: int) -> int:
        r = t & keep
        return f.result_flags(r, bits) | b | (a ^ 1 ^ r) & f.AF | (r == edge) << 11

    return kind


def _shl(bits: int) -> Kind:
    """``b`` is the count, not zero; ``t`` is not cut."""
    keep, top = (1 << bits) - 1, bits - 1

    def kind(old: int, a: int, b: int, t: int) -> int:
        r, carry = t & keep, t >> bits & 1
        return f.result_flags(r, bits) | carry | (r >> top ^ carry) << 11

    return kind


def _shr(bits: int) -> Kind:
    top = bits - 1

    def kind(old: int, a: int, b: int, t: int) -> int:
        return f.result_flags(t, bits) | a >> b - 1 & 1 | a >> top << 11

    return kind


def _sar(bits: int) -> Kind:
    """``a`` is signed, ``t`` is cut."""
    return lambda old, a, b, t: f.result_flags(t, bits) | a >> b - 1 & 1


def _rol(bits: int) -> Kind:
    top = bits - 1
    return lambda old, a, b, t: old & ~(f.CF | f.OF) | t & 1 | (t >> top ^ t & 1) << 11


def _ror(bits: int) -> Kind:
    top, below = bits - 1, bits - 2
    return lambda old, a, b, t: old & ~(f.CF | f.OF) | t >> top | (t >> top ^ t >> below & 1) << 11


def _mul(bits: int) -> Kind:
    """``t`` is the low half, ``a`` whether the product does not fit it."""
    return lambda old, a, b, t: f.multiplied(t, bits, bool(a))


def _bit(bits: int) -> Kind:
    """BT and its like: ``t`` is the bit."""
    return lambda old, a, b, t: old & ~f.CF | t


FAMILIES: dict[str, Callable[[int], Kind]] = {
    "add": _add,
    "sub": _sub,
    "adc": _add,
    "sbb": _sub,
    "log": _logic,
    "inc": lambda bits: _step(bits, 1 << bits - 1),
    "dec": lambda bits: _step(bits, (1 << bits - 1) - 1),
    "shl": _shl,
    "shr": _shr,
    "sar": _sar,
    "mul": _mul,
    "rol": _rol,
    "ror": _ror,
    "bit": _bit,
}
PARTIAL = {"rol", "ror", "bit"}
KINDS: dict[str, Kind] = {f"{name}{bits}": make(bits) for name, make in FAMILIES.items() for bits in WIDTHS}


class Writer(NamedTuple):
    """An instruction that writes flags, as translated code knows it: its operands lie in the local
    variables ``a<place>``, ``b<place>``, ``t<place>``."""

    place: int
    family: str
    bits: int

    @property
    def kind(self) -> str:
        return f"{self.family}{self.bits}"

    @property
    def operands(self) -> str:
        """The text of a, b, t; a logic operation leaves only its result."""
        k = self.place
        return f"0, 0, t{k}" if self.family == "log" else f"a{k}, b{k}, t{k}"

    @property
    def full(self) -> bool:
        return self.family not in PARTIAL
