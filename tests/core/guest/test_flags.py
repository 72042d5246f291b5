"""Flags by definition: against wide integers instead of the tricks that compute them fast."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core.guest import flags as f

BITS = st.sampled_from([8, 16, 32, 64])
NUMBERS = st.integers(0, 2**64 - 1)


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


@given(NUMBERS, NUMBERS, st.integers(0, 1), BITS)
def test_add_and_sub_by_definition(a, b, carry, bits):
    keep = (1 << bits) - 1
    a, b = a & keep, b & keep
    half = 1 << bits - 1
    for value, new, whole, wide, low in (
        (*f.add(a, b, carry, bits), a + b + carry, signed(a, bits) + signed(b, bits) + carry, (a & 15) + (b & 15) + carry > 15),
        (*f.sub(a, b, carry, bits), a - b - carry, signed(a, bits) - signed(b, bits) - carry, (a & 15) - (b & 15) - carry < 0),
    ):  # fmt: skip
        assert value == whole & keep
        assert bool(new & f.CF) == (whole != value)
        assert bool(new & f.OF) == (not -half <= wide < half)
        assert bool(new & f.AF) == low
        assert new & (f.PF | f.ZF | f.SF) == f.result_flags(value, bits)
        assert not new & ~f.ARITHMETIC


@given(NUMBERS, BITS)
def test_result_flags(value, bits):
    value &= (1 << bits) - 1
    new = f.result_flags(value, bits)
    assert bool(new & f.ZF) == (value == 0)
    assert bool(new & f.SF) == (value >= 1 << bits - 1)
    assert bool(new & f.PF) == ((value & 0xFF).bit_count() % 2 == 0)


CONDITIONS = {
    0: lambda c, z, s, o, p: o, 2: lambda c, z, s, o, p: c, 4: lambda c, z, s, o, p: z,
    6: lambda c, z, s, o, p: c or z, 8: lambda c, z, s, o, p: s, 10: lambda c, z, s, o, p: p,
    12: lambda c, z, s, o, p: s != o, 14: lambda c, z, s, o, p: z or s != o,
}  # fmt: skip


@pytest.mark.parametrize("code", range(16))
def test_conditions_for_every_flag_combination(code):
    for n in range(32):
        c, z, s, o, p = (bool(n >> k & 1) for k in range(5))
        flags = c * f.CF | z * f.ZF | s * f.SF | o * f.OF | p * f.PF
        assert f.condition(code, flags) == (CONDITIONS[code & ~1](c, z, s, o, p) != bool(code & 1))
