"""FPU state as data: FXSAVE's format and back."""

import random
import struct

from tdxviz.core.hw import x87
from tdxviz.core.hw.x87 import Fpu


def test_reset_and_init():
    fpu = Fpu()
    assert (fpu.fcw, fpu.fsw, fpu.ftw, fpu.mxcsr, fpu.top, fpu.pending) == (0x37F, 0, 0, 0x1F80, 0, False)
    used = Fpu(0x240, 0x3800, 0xFF, 5, 6, 7, 0x1FA0, tuple(range(8)))
    assert used.initialised() == Fpu(mxcsr=0x1FA0, st=tuple(range(8)))


def test_an_unmasked_exception_is_summarised_and_can_be_cleared():
    fpu = Fpu(fsw=0x3805).controlled(0x37E)
    assert fpu.pending
    assert fpu.fsw == 0xB885
    assert fpu.controlled(0x37F).fsw == 0x3805
    assert fpu.cleared().fsw == 0x3800


def test_registers_are_saved_in_the_order_of_the_stack():
    fpu = Fpu(fsw=3 << 11, st=tuple(range(8)))
    raw = x87.pack(fpu)
    assert len(raw) == x87.SIZE
    assert [raw[32 + 16 * n] for n in range(8)] == [3, 4, 5, 6, 7, 0, 1, 2]
    assert struct.unpack_from("<II", raw, 24) == (0x1F80, 0xFFFF)


def test_any_bytes_become_a_state_that_comes_back():
    chooser = random.Random(5)
    for _ in range(200):
        fpu = x87.unpack(chooser.randbytes(x87.SIZE))
        assert x87.unpack(x87.pack(fpu)) == fpu
        assert fpu.fcw & 0xE0C0 == 0x40
        assert fpu.pending == bool(fpu.fsw & ~fpu.fcw & 0x3F)
