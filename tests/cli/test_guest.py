"""``tdxviz guest`` as a person types it."""

import json
import struct

import pytest

from tdxviz.cli.main import run

SOURCE = "_start: mov al, 'A'\n out 0xE9, al\n mov al, {code}\n out 0xF4, al\n"


def test_run_tells_console_exit_code_and_instructions(tmp_path, capsys):
    path = tmp_path / "a.s"
    path.write_text(SOURCE.format(code=0))
    assert run(["guest", "run", str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["console"], answer["exit_code"], answer["reason"]) == ("A", 0, "exit")
    assert 4 < answer["instructions"] < 5_000
    assert run(["guest", "run", str(path), "--world", "legacy"]) == 0
    told = capsys.readouterr()
    assert told.out == "A"
    assert "[exit: " in told.err


def test_another_exit_code_and_a_limit_answer_no(tmp_path, capsys):
    path = tmp_path / "a.s"
    path.write_text(SOURCE.format(code=3))
    assert run(["guest", "run", str(path), "--world", "legacy", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["exit_code"] == 3
    path.write_text("1: jmp 1b\n")
    assert run(["guest", "run", str(path), "--world", "legacy", "--limit", "2000", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["exit_code"], answer["reason"], answer["instructions"]) == (None, "limit", 2000)


def test_a_flat_binary(tmp_path, capsys):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes.fromhex("b000e6f4"))
    assert run(["guest", "run", str(path), "--base", "0x1000", "--world", "legacy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exit_code"] == 0


def test_the_gallery(capsys):
    assert run(["guest", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name": "hello"}.items() <= rows[[r["name"] for r in rows].index("hello")].items()
    assert run(["guest", "list"]) == 0
    assert "hello" in capsys.readouterr().out
    assert run(["guest", "show", "hello"]) == 0
    assert "_start:" in capsys.readouterr().out
    assert run(["guest", "show", "helo"]) == 2
    assert "did you mean 'hello'?" in capsys.readouterr().err


def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys):
    path = tmp_path / "a.s"
    for text, words in (("mvo eax, 1", "a.s:1:1: there is no instruction 'mvo'"), ("", "is empty")):
        path.write_text(text)
        assert run(["guest", "run", str(path)]) == 2
        told = capsys.readouterr()
        assert words in told.err and told.err.count("\n") == 1 and not told.out
    assert run(["guest", "run", str(path), "--limit", "0"]) == 2
    assert run(["guest", "run", str(tmp_path / "none")]) == 2


def elf(**changes) -> bytes:
    """A static ELF64 whose one segment is HLT; ``changes`` spoil it."""
    f = {"machine": 62, "size": 1, "memory": 1, "headers": 1, "at": 64, "vaddr": 0x40_0000} | changes
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack(
        "<HHIQQQIHHHHHH", 2, f["machine"], 1, 0x40_0000, f["at"], 0, 0, 64, 56, f["headers"], 0, 0, 0
    )
    return (
        head
        + struct.pack("<IIQQQQQQ", 1, 5, 120, f["vaddr"], f["vaddr"], f["size"], f["memory"], 4096)
        + b"\xf4"
    )


BAD = {
    "for another machine": (elf(machine=183), "it is a program for 64-bit Arm"),
    "cut in its header": (elf()[:40], "cut off after 40 of 64 bytes"),
    "cut behind its header": (elf()[:70], "beyond the end of the file"),
    "a 10 GB segment": (elf(memory=10 << 30), "16 MiB is the most"),
    "a 10 GB segment in a small file": (elf(size=10 << 30, memory=10 << 30), "16 MiB is the most"),
    "65,535 program headers": (elf(headers=0xFFFF), "1 to 64"),
    "headers at the end of the address space": (elf(at=(1 << 64) - 1), "beyond the end of the file"),
    "an address that wraps": (elf(vaddr=(1 << 64) - 16), "beyond 2 GiB"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_hostile_elf_is_one_line_and_exit_code_2(what, tmp_path, capsys):
    raw, words = BAD[what]
    (tmp_path / "bad.elf").write_bytes(raw)
    assert run(["guest", "run", str(tmp_path / "bad.elf")]) == 2
    told = capsys.readouterr()
    assert words in told.err and told.err.count("\n") == 1 and not told.out


def test_a_program_that_never_stops_talking_is_stopped(tmp_path, capsys):
    (tmp_path / "spam.s").write_text("1: mov al, 65\n out 0xE9, al\n jmp 1b\n")
    assert (
        run(["guest", "run", str(tmp_path / "spam.s"), "--world", "legacy", "--limit", "3000", "--json"]) == 1
    )
    answer = json.loads(capsys.readouterr().out)
    assert (answer["reason"], set(answer["console"])) == ("limit", {"A"})
