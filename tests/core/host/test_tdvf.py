"""TDVF metadata and the MRTD that follows: made-up images here, Debian's OVMF where it is installed."""

import struct
from pathlib import Path

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import tdvf
from tdxviz.core.units import PAGE

OVMF = Path("/usr/share/ovmf/OVMF.fd")


def image(rows: list[tuple[int, int, int, int, int, int]], size: int = 4 * PAGE, **change: int) -> bytes:
    """An image with a table of GUIDs; ``rows``: offset, size, gpa, memory, type, attributes."""
    raw = bytearray((n * 37 + n // PAGE) % 256 for n in range(size))
    end, at = size - 0x20, size - 0x400
    body = b"".join(struct.pack("<IIQQII", *row) for row in rows)
    count, version = change.get("count", len(rows)), change.get("version", 1)
    head = struct.pack("<4sIII", b"TDVF", 16 + len(body), version, count)
    raw[at - 16 : at + 16 + len(body)] = tdvf.DESCRIPTOR + head + body
    entry = struct.pack("<IH", size - at, 22) + tdvf.DESCRIPTOR_OFFSET
    footer = struct.pack("<H", len(entry) + 18) + tdvf.FOOTER
    raw[end - len(entry) - 18 : end] = entry + footer
    return bytes(raw)


GOOD = [(0, PAGE, 0xFFFFF000, PAGE, 0, 1), (PAGE, 100, 0x800000, 2 * PAGE, 1, 0), (0, 0, 0x802000, PAGE, 2, 0),
        (0, 0, 0x900000, PAGE, 4, 2), (0, 0, 0, 0, 7, 0)]  # fmt: skip


def test_sections_and_their_pages():
    firmware = tdvf.parse(image(GOOD), "f")
    assert [s.type for s in firmware.sections] == ["BFV", "CFV", "TD_HOB", "PermMem", "TD_INFO"]
    pages = list(firmware.added_pages())
    assert [(gpa, extend) for gpa, _, extend in pages] == [
        (0xFFFFF000, True), (0x800000, False), (0x801000, False), (0x802000, False),
    ]  # fmt: skip
    assert pages[1][1] == firmware.raw[PAGE : PAGE + 100].ljust(PAGE, b"\x00")
    assert pages[2][1] == bytes(PAGE)


def test_the_legacy_offset_is_understood():
    raw = bytearray(image(GOOD))
    at = tdvf.parse(bytes(raw), "f").descriptor
    raw[-0x30:-0x20] = bytes(16)
    raw[-0x20:-0x1C] = at.to_bytes(4, "little")
    assert tdvf.parse(bytes(raw), "f").descriptor == at


BROKEN = {
    "an empty file": (b"", "are no firmware image"),
    "no table": (bytes(8192), "no TDX metadata"),
    "another version": (image(GOOD, version=2), "says version 2"),
    "a false count": (image(GOOD, count=9), "9 sections"),
    "an unknown type": (image([(0, 0, 0, 0, 99, 0)]), "unknown type 99"),
    "beyond the file": (image([(0, 1 << 20, 0, 1 << 20, 0, 1)]), "combined image"),
    "not aligned": (image([(0, 8, 5, PAGE, 0, 1)]), "whole pages"),
    "smaller in memory": (image([(0, PAGE * 2, 0, PAGE, 0, 1)]), "whole pages"),
    "beyond 4 GiB": (image([(0, 0, 1 << 32, PAGE, 3, 0)]), "beyond 4 GiB"),
    "huge": (image([(0, 0, 0, 1 << 30, 3, 0)]), "is the most"),
    "overlapping": (image([(0, 0, 0, PAGE * 2, 3, 0), (0, 0, PAGE, PAGE, 3, 0)]), "overlap at 0x1000"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_image_is_told(what):
    raw, words = BROKEN[what]
    with pytest.raises(TdxvizError, match=words):
        tdvf.parse(raw, "f")


def test_every_cut_and_every_damaged_byte_of_the_table_ends_in_an_answer():
    raw = image(GOOD)
    for n in range(0, len(raw), 61):
        with pytest.raises(TdxvizError):
            tdvf.parse(raw[:n], "f")
    for n in range(len(raw) - 0x420, len(raw)):
        damaged = raw[:n] + bytes([raw[n] ^ 0xFF]) + raw[n + 1 :]
        try:
            tdvf.parse(damaged, "f")
        except TdxvizError:
            continue


def test_the_hand_off_list_names_memory_that_is_there_and_memory_to_accept():
    gpa, raw = tdvf.hob(tdvf.parse(image(GOOD), "f"), 16 << 20)
    assert gpa == 0x802000
    assert struct.unpack_from("<HHIII", raw) == (1, 56, 0, 9, 0)
    assert struct.unpack_from("<Q", raw, 48) == (gpa + len(raw),)
    rows = [struct.unpack_from("<IIQQ", raw, at + 24) for at in range(56, len(raw) - 8, 48)]
    assert rows == [(7, 7, 0, 0x802000), (0, 7, 0x802000, PAGE), (7, 7, 0x803000, (16 << 20) - 0x803000)]
    assert raw[-8:] == struct.pack("<HHI", 0xFFFF, 8, 0)


@pytest.mark.skipif(not OVMF.exists(), reason="Debian's package ovmf is not installed")
def test_the_mrtd_of_ovmf_is_the_one_two_other_programs_compute():
    """attestation-and-migration 1.7, worked example."""
    raw = OVMF.read_bytes()
    if len(raw) != 2097152:
        pytest.skip("another edition of the package ovmf is installed")
    firmware = tdvf.parse(raw, "OVMF.fd")
    assert firmware.descriptor == 0x1FF7C0
    assert len(list(firmware.added_pages())) == 538
    assert tdvf.mrtd(firmware).hex() == (
        "4c7206f0f483c524f12c366c711e9049030a8d47c471ee5aa9c4999a08de4057fb887fed0744d5631a212967fb231c47"
    )
