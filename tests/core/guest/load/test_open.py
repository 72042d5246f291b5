"""Which kind of program some bytes are."""

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.load.open import image_of
from tests.core.guest.load.test_elf import file, program


def test_kinds():
    assert image_of(file(program()), "a.out").kind == "elf"
    source = image_of(b"_start: mov al, 0\n out 0xF4, al\n", "a.s")
    assert (source.kind, source.entry, source.segments[0].data.hex()) == ("source", 0x400000, "b000e6f4")
    assert image_of(b"\xb0\x00\xe6\xf4", "a.bin").kind == "flat"
    assert image_of(b"\xb0\x00\xe6\xf4", "a", base=0x1000).entry == 0x1000
    assert image_of(b"nop", "a.bin").segments[0].data == b"nop"


@pytest.mark.parametrize(
    ("raw", "name", "words"),
    [
        (b"", "a.s", "is empty"),
        (b"MZ\x90\x00", "a.exe", "UEFI program"),
        (b"#!/bin/sh\n", "a", "script"),
        (b"# only a comment\n", "a.s", "smallest program"),
        (b"mvo eax, 1\n", "a.s", "a.s:1:1: there is no instruction"),
        (b"caf\xe9: nop", "a.s", "byte 3 is no UTF-8"),
        (bytes(17 << 20), "a.bin", "16 MiB is the most"),
    ],
)
def test_what_cannot_be_loaded(raw, name, words):
    with pytest.raises(TdxvizError, match=words):
        image_of(raw, name)


def test_a_flat_program_must_lie_below_2_gib():
    with pytest.raises(TdxvizError, match="below 2 GiB"):
        image_of(b"\x90", "a.bin", base=1 << 40)


def test_an_image_can_be_had_with_another_byte_of_its_data():
    image = image_of(b"ret\n.data\n.globl here\nhere: .byte 7, 8\n.bss\n.zero 64\n", "t.s")
    changed = image.patched(image.symbols["here"], b"\x01")
    pages, same = changed.pages()[0], image.pages()[0]
    page, at = image.symbols["here"] & -4096, image.symbols["here"] % 4096
    assert (pages[page][at : at + 2], same[page][at : at + 2]) == (b"\x01\x08", b"\x07\x08")
    with pytest.raises(TdxvizError, match="no 1 bytes of data at 0x10"):
        image.patched(0x10, b"x")
