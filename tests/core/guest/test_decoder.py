"""Decoding: whole instructions, incomplete ones, and bytes that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core.guest import decoder


@pytest.mark.parametrize(
    ("code", "bits", "text"),
    [("660f01cc", 64, "tdcall"), ("660f01cf", 64, "seamcall"), ("4889d8", 64, "mov rax, rbx"),
     ("40", 32, "inc eax"), ("ea785634120800", 32, "jmp far 0x12345678, 8"), ("ebfe", 64, "jmp short 0x1000")],
)  # fmt: skip
def test_text(code, bits, text):
    ins = decoder.decode(bytes.fromhex(code), 0x1000, bits)
    assert ins is not None
    assert decoder.text(ins) == text


@pytest.mark.parametrize("code", ["", "48", "48b8", "0f", "660f01", "c70424"])
def test_incomplete(code):
    with pytest.raises(decoder.Incomplete):
        decoder.decode(bytes.fromhex(code), 0, 64)


@pytest.mark.parametrize("code", ["06" + "90" * 14, "0f04" + "90" * 13, "66" * 15, "f0489003" + "90" * 11])
def test_no_instruction(code):
    assert decoder.decode(bytes.fromhex(code), 0, 64) is None


@given(st.binary(min_size=15, max_size=15), st.sampled_from([32, 64]))
def test_fifteen_bytes_always_decide(code, bits):
    ins = decoder.decode(code, 0x8000_0000, bits)
    if ins is not None:
        assert 1 <= ins.len <= 15
        assert decoder.name(ins)
        assert decoder.text(ins)


def test_mode_decides_the_width_of_a_return_address():
    for bits, width in ((64, 8), (32, 4)):
        ins = decoder.decode(b"\xc3", 0, bits)
        assert ins is not None
        assert decoder.stack_width(ins) == width
