"""ELF files: good ones, ones for somebody else, cut, hostile and random ones."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.load import elf

TEXT = b"\xb0\x00\xe6\xf4"


def program(**fields: int) -> tuple[int, ...]:
    row = {
        "kind": 1,
        "flags": 5,
        "offset": 0x1000,
        "vaddr": 0x401000,
        "paddr": 0,
        "filesz": 4,
        "memsz": 4,
        "align": 4096,
    }
    return tuple((row | fields).values())


def file(*parts: tuple[int, ...], data: bytes = TEXT, cut: int | None = None, **header: int) -> bytes:
    """An ELF whose data begins at 0x1000."""
    top = {
        "kind": 2, "machine": 62, "version": 1, "entry": 0x401000, "phoff": 64, "shoff": 0, "flags": 0,
        "ehsize": 64, "phentsize": 56, "phnum": len(parts), "shentsize": 0, "shnum": 0, "shstrndx": 0,
    }  # fmt: skip
    raw = b"\x7fELF\x02\x01\x01".ljust(16, b"\x00") + struct.pack("<HHIQQQIHHHHHH", *(top | header).values())
    raw += b"".join(struct.pack("<IIQQQQQQ", *part) for part in parts)
    return (raw.ljust(0x1000, b"\x00") + data)[:cut]


def test_segments_bss_and_entry():
    image = elf.parse(file(program(memsz=0x2000), program(vaddr=0x7FFF0000, memsz=64, filesz=0)), "x")
    assert image.entry == 0x401000
    pages, zero = image.pages()
    assert pages == {0x401000: TEXT.ljust(4096, b"\x00")}
    assert zero == (0x402000, 0x7FFF0000)


def test_segments_that_share_a_page_are_merged():
    data = TEXT.ljust(0x10, b"\x01") + b"data"
    image = elf.parse(file(program(), program(vaddr=0x401800, offset=0x1010), data=data), "x")
    (page,) = image.pages()[0].values()
    assert page == (TEXT.ljust(0x800, b"\x00") + b"data").ljust(4096, b"\x00")


BROKEN = {
    "for Arm": (file(program(), machine=183), "for 64-bit Arm"),
    "32 bits": (b"\x7fELF\x01\x01" + bytes(80), "no 64-bit"),
    "cut in the header": (file(program(), cut=30), "cut off after 30 of 64"),
    "an object": (file(program(), kind=1), "not linked yet"),
    "a core dump": (file(program(), kind=4), "no executable"),
    "dynamic": (file(program(), program(kind=3)), "link with -static"),
    "static-pie": (file(program(), program(kind=2), kind=3), "static-pie"),
    "dynamic pie": (file(program(), program(kind=2), program(kind=3), kind=3), "linked dynamically"),
    "thread-local": (file(program(), program(kind=7)), "thread-local variables"),
    "entry in data": (file(program(flags=6)), "may not be executed"),
    "no program headers": (file(), "0 program headers"),
    "headers beyond the end": (file(program(), phoff=1 << 60), "beyond the end"),
    "10 GB": (file(program(memsz=10 << 30)), "16 MiB is the most"),
    "many big segments": (file(*[program(vaddr=n << 24, memsz=15 << 20) for n in range(3)]), "16 MiB is the most"),
    "more in the file": (file(program(memsz=3)), "in the file but 0x3 in memory"),
    "beyond the file": (file(program(filesz=0x100, memsz=0x100)), "beyond the end of the file"),
    "too high": (file(program(vaddr=0xFFFFFFFF80000000)), "beyond 2 GiB"),
    "no entry": (file(program(), entry=0), "is in no segment"),
    "nothing to load": (file(program(kind=6)), "nothing to load"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_cannot_run_is_told_why(what):
    raw, words = BROKEN[what]
    with pytest.raises(TdxvizError, match=words):
        elf.parse(raw, "x")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 0x1003), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_loads_or_is_refused(at, junk):
    raw = file(program(), program(vaddr=0x500000, memsz=100), shentsize=64, shnum=3, shoff=0x200)
    damaged = raw[:at] + junk + raw[at + len(junk) :]
    try:
        image = elf.parse(damaged, "x")
    except TdxvizError:
        return
    assert sum(s.size for s in image.segments) <= 16 << 20
