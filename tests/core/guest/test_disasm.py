"""Disassembly: every byte is accounted for, bad ones too."""

from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core.guest import disasm, programs


def test_lines():
    rows = disasm.lines(bytes.fromhex("904889d806ebfe"), 0x1000, 64)
    assert rows == [
        (0x1000, b"\x90", "nop"), (0x1001, b"\x48\x89\xd8", "mov rax, rbx"), (0x1004, b"\x06", "(bad)"),
        (0x1005, b"\xeb\xfe", "jmp short 0x1005"),
    ]  # fmt: skip


def test_an_incomplete_end_is_left_out():
    assert disasm.lines(b"\x90\x48", 0, 64) == [(0, b"\x90", "nop")]


@given(st.binary(max_size=60), st.sampled_from([32, 64]))
def test_rows_are_gapless_and_repeat_the_bytes(code, bits):
    rows, at = disasm.lines(code, 0x4000, bits), 0x4000
    for address, piece, text in rows:
        assert address == at
        assert text
        at += len(piece)
    joined = b"".join(piece for _, piece, _ in rows)
    assert code.startswith(joined)
    assert len(code) - len(joined) < 15


def test_the_vault_disassembles_where_its_source_lines_begin():
    program = programs.load("vault")
    main = program.symbols["main"]
    page = program.pages[main & ~0xFFF]
    starts = {row[0] for row in disasm.lines(page[main & 0xFFF :][:64], main, 64)}
    assert {at for at in program.boundaries if main <= at < main + 40} <= starts
