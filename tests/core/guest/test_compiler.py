"""Compiling: what is modelled, what is not, and that the memory of it is safe."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core.guest import compiler, decoder
from tdxviz.core.guest.compiler import BUILDERS, compile_at
from tests.core.guest.kit import CODE


def made(code: str, bits: int = 64):
    return compile_at(bytes.fromhex(code).ljust(15, b"\x90"), CODE, bits)


@pytest.mark.parametrize("code", ["4889d8", "0f22c0", "8ed0", "f3a4", "c3", "ff20", "ff10", "f4", "0fa0", "0fa9", "ff28", "ff18",
                                  "67a4", "67f3ab", "8cd8", "0f23c0", "cb", "660f6ec0", "0f28c1", "f30f1ec8"])  # fmt: skip
def test_modelled(code):
    compiled = made(code)
    assert compiled is not None
    assert compiled.op is not None
    assert compiled.text == ""
    assert (compiled.length, compiled.next) == (len(code) // 2, CODE + len(code) // 2)


@pytest.mark.parametrize("code", ["0f58c1", "f20f59c1", "0f6ec0", "0fefc1", "d9c0", "0fc723", "c5f858c1"])  # fmt: skip
def test_not_modelled(code):
    compiled = made(code)
    assert compiled is not None
    assert compiled.op is None
    assert compiled.text


def test_not_modelled_in_32_bit_mode():
    for code in ("27", "3f", "d40a", "cf"):
        compiled = made(code, 32)
        assert compiled is not None
        assert compiled.op is None
    far = made("ea785634120800", 32)
    assert far is not None
    assert far.op is not None


def test_no_instruction_and_incomplete():
    assert made("06") is None
    with pytest.raises(decoder.Incomplete):
        compile_at(b"\x48", CODE, 64)


def test_the_same_bytes_elsewhere_are_another_instruction():
    here, there = compile_at(b"\xeb\xfe".ljust(15), CODE, 64), compile_at(b"\xeb\xfe".ljust(15), CODE + 2, 64)
    assert here is not None and there is not None
    assert (here.next, there.next) == (CODE + 2, CODE + 4)
    assert compile_at(b"\xeb\xfe".ljust(15), CODE, 64) is here


def test_rip_wraps_with_the_mode():
    assert compile_at(b"\x90".ljust(15), 0xFFFF_FFFF, 32).next == 0  # type: ignore[union-attr]  # because None fails the test
    assert compile_at(b"\x90".ljust(15), 2**64 - 1, 64).next == 0  # type: ignore[union-attr]  # because None fails the test


def test_families_do_not_overlap():
    families = [
        module for name, module in vars(compiler).items() if name.startswith("ops_") and "ops_sse" not in name
    ]
    assert len(BUILDERS) == sum(len(family.TABLE) for family in families)
    assert set(BUILDERS) <= set(decoder.MNEMONICS.values())


@settings(max_examples=500, deadline=None)
@given(st.binary(min_size=15, max_size=15), st.sampled_from([32, 64]))
def test_any_bytes_compile_or_do_not(code, bits):
    compiled = compile_at(code, CODE, bits)
    if compiled is not None:
        assert 1 <= compiled.length <= 15
        assert (compiled.op is None) == bool(compiled.text)
