"""A binary as an action: embedded or by path, saved and played again, damaged and hostile."""

import base64
import os
import zlib

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.session import program_file as pf
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tests.core.guest.load.test_elf import file, program

SMALL = file(program())
LARGE = SMALL + bytes(pf.MOST_EMBEDDED)


def run(args: dict[str, str], world: str = "legacy") -> Session:
    session = Session(world, scenario="empty")
    session.act(Action("program", args))
    return session


def packed(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["embedded", "by path"])
def test_a_saved_script_runs_the_same_program_again(raw, tmp_path):
    path = tmp_path / "a.elf"
    path.write_bytes(raw)
    args = pf.arguments(raw, str(path))
    assert ("data" in args) == (raw is SMALL)
    session = run(args)
    session.save(tmp_path / "mine.tdxs")
    again = Session.open(tmp_path / "mine.tdxs")
    assert again.machine.fingerprint() == session.machine.fingerprint()
    assert again.moment.instructions == session.moment.instructions > 5
    assert ((tmp_path / "mine.tdxs").stat().st_size < 4096) == (raw is LARGE)


def test_a_script_whose_program_is_missing_or_another_one_says_so(tmp_path):
    path = tmp_path / "a.elf"
    path.write_bytes(LARGE)
    run(pf.arguments(LARGE, str(path))).save(tmp_path / "mine.tdxs")
    path.write_bytes(LARGE + b"\x00")
    with pytest.raises(TdxvizError, match=r"mine.tdxs:2: .*another file than this script was made with"):
        Session.open(tmp_path / "mine.tdxs")
    path.unlink()
    with pytest.raises(TdxvizError, match=r"mine.tdxs:2: .*there is no such file.*SHA-256"):
        Session.open(tmp_path / "mine.tdxs")


def test_a_binary_runs_in_a_td_as_well():
    session = run(pf.arguments(b"\xb0\x00\xe6\xf4", "a.bin"), "ci")
    assert session.entries[-1].problem == ""
    assert session.machine.books.program == "a.bin"


@pytest.mark.parametrize(
    "args, words",
    [
        ({}, "no instruction and no data"),
        ({"source": "nop", "file": "x"}, "not several"),
        ({"data": "%%%"}, "no complete base64"),
        ({"data": packed(b"nonsense")}, "no complete base64"),
        ({"data": packed(zlib.compress(SMALL)[:-5])}, "no complete base64"),
        ({"data": packed(zlib.compress(bytes(50 << 20)))}, "unpacks to more than 65,536"),
        ({"data": "A" * 1_000_000}, "is the most"),
        ({"data": packed(zlib.compress(file(program(), machine=183)))}, "64-bit Arm"),
        ({"file": "/dev/zero"}, "no regular file"),
        ({"file": "a\0b"}, "cannot be read"),
    ],
)
def test_what_is_no_program_is_told(args, words):
    with pytest.raises(TdxvizError, match=words):
        run(args)


def test_the_worst_64_kib_still_fit():
    raw = b"\x90" + os.urandom(pf.MOST_EMBEDDED - 1)
    assert len(pf.arguments(raw, "a.bin")["data"]) <= pf.MOST_TEXT
