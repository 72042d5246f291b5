"""The shipped guest programs: whole, reproducible, and known by address."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tdxviz.core.guest import programs
from tdxviz.core.guest.programs.palette import PALETTE
from tdxviz.core.host import layout

ROOT = Path(__file__).resolve().parents[3]


def test_the_vault_has_whole_pages_that_the_scenario_places():
    program = programs.load("vault")
    for gpa, page in program.pages.items():
        assert len(page) == 4096
        assert gpa % 4096 == 0
        assert layout.hpa_of(gpa)
    assert {"main", "ready", "password", "picture", "balance"} <= set(program.symbols)
    assert layout.RESET_GPA in program.pages
    assert programs.load("vault") is program


def test_boundaries_ascend():
    boundaries = programs.load("vault").boundaries
    assert list(boundaries) == sorted(set(boundaries))


def test_an_unknown_program():
    with pytest.raises(FileNotFoundError):
        programs.load("nothing")


def test_the_palette_has_a_colour_for_every_nibble():
    assert len(PALETTE) == 16
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in PALETTE)


def test_the_stored_programs_are_what_the_sources_assemble_to():
    if not shutil.which("as") or not shutil.which("ld"):
        pytest.skip("GNU as and ld are not on this computer")
    done = subprocess.run(
        [sys.executable, "tools/assemble_guests.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
