"""Listings of binaries: labels, data, hostile names and sizes, without a window."""

import time

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.load.image import Image, Segment
from tdxviz.ui.present import binary
from tests.core.guest.load.test_elf import file, program


def text(image: Image) -> list[str]:
    return [line for _, line in binary.listing(image)]


def test_code_data_labels_and_zero():
    code = Segment(0x401000, bytes.fromhex("b000e6f4 06 0f"), 6)
    data = Segment(0x402000, b"hi", 0x12, executable=False)
    rows = text(
        Image("x", "elf", 0x401000, (data, code), {"_start": 0x401000, "out": 0x401002, "a\nb": 0x402001})
    )
    assert [row.split("#")[0].strip() or row for row in rows] == [
        "# segment 0x401000, 0x6 bytes", "_start:", "mov al, 0", "out:", "out 0xF4, al", ".byte 0x06",
        ".byte 0x0f", "# segment 0x402000, 0x12 bytes, data", ".byte 0x68", "a?b:", ".byte 0x69", ".zero 0x10",
    ]  # fmt: skip
    assert rows[2].endswith("# 401000: b0 00")


def test_long_code_is_listed_without_a_seam():
    code = bytes.fromhex("48b8") + bytes(8)
    rows = list(binary.listing(Image("x", "flat", 0, (Segment(0, code * 500, 5000),))))
    assert [at for at, _ in rows if at >= 0] == list(range(0, 5000, 10))


def test_a_listing_has_an_end():
    many = {f"s{n}": n for n in range(65_536)}
    image = Image("x", "elf", 0, (Segment(0, bytes(16 << 20), 16 << 20),), many)
    begun = time.process_time()
    rows = text(image)
    assert len(rows) == binary.MOST_ROWS + 1 and "the rest is loaded" in rows[-1]
    assert time.process_time() - begun < 5


def test_what_a_file_is(tmp_path):
    path = tmp_path / "a.out"
    path.write_bytes(file(program()))
    made = binary.opened(str(path))
    assert isinstance(made, binary.Binary)
    assert made.banner == "ELF64 a.out: entry 0x401000, 1 segment, 4 bytes in memory, 4,100 in the file"
    assert made.args.keys() == {"data", "name"}
    assert made.rows == {0x401000: 3, 0x401002: 4}
    path.write_bytes(b"mvo eax, 1\n")
    assert binary.opened(str(path)) == "mvo eax, 1\n"
    path.write_bytes(b"#" * (binary.MOST_SOURCE + 1))
    with pytest.raises(TdxvizError, match="guest run takes more"):
        binary.opened(str(path))
