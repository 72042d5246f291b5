"""The gallery: every guest assembles here as with GNU as, runs in both worlds and says what it must."""

import hashlib
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tdxviz.core.drive import carry_out
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import gallery
from tdxviz.core.guest.asm import library
from tdxviz.core.guest.asm.assembler import assemble
from tdxviz.core.host import guest_run, guests
from tests.core.host.test_guest_run import prepared

NAMES = [guest.name for guest in gallery.guests()]
LIBRARY = Path(library.__file__).parent
SORTED = "15 47 71 91 103 107 135 136 143"
CONSOLE = {
    "hello": "hello from inside the trust domain\n",
    "crc32": "cbf43926 \n",
    "fibonacci": "0 1 1 2 3 5 8 13 21 34 55 89 144 233 377 \n",
    "interpreter": "TDX!\n",
    "sha256": hashlib.sha256(b"abc").hexdigest() + "\n",
    "primes": "168 \n",
    "rtmr": hashlib.sha384(bytes(48) + b"\x11" * 48).hexdigest() + "\n",
    "secret": "",
    "vmx": "VMXON: invalid opcode\n",
    "parser": "packet received\npacket received\nthe secret: correct horse battery staple\n",
}
NEEDS_A_TD = {"memory", "rtmr"}
FOR_LESSONS = {
    "asker", "dispatch", "gap", "guarded", "leap", "neighbour", "report", "syscall80", "trusting",
}  # fmt: skip
"""They end nowhere by themselves; lessons and attacks stop them."""


@cache
def ran(name: str, world: str, limit: int = 2_000_000) -> guest_run.Outcome:
    image = gallery.guest(name).image()
    machine = prepared(image, world)
    return carry_out(machine, guest_run.serve(machine, limit, demand=guests.Demand(guests.plan(image))))


def test_there_are_a_dozen_with_a_sentence_each():
    assert len(NAMES) >= 12
    for guest in gallery.guests():
        assert guest.text.startswith(f"# {guest.name}: ")
        assert 40 < len(guest.about) < 200 and guest.about.endswith(".")


@pytest.mark.parametrize("world", ["ci", "legacy"])
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_to_its_end(name, world):
    if world == "legacy" and name in NEEDS_A_TD:
        assert ran(name, world).exit_code == 128 + 6  # TDCALL is #UD outside a TD
        return
    if name in FOR_LESSONS:
        assert ran(name, world, 3_000).reason != "not modelled"
        return
    outcome = ran(name, world)
    assert (outcome.reason, outcome.exit_code) == ("exit", 66 if name == "parser" else 0), outcome
    if (name, world) == ("vmx", "legacy"):
        assert outcome.console == b"VMXON worked\n"  # our hypervisor offers it
    elif name in CONSOLE:
        assert outcome.console.decode() == CONSOLE[name]
    else:
        assert name in ("quicksort", "picture", "cpuid", "msr", "memory")


def test_who_answers_cpuid_differs_between_the_worlds():
    td, vm = (ran("cpuid", world).console.decode().splitlines() for world in ("ci", "legacy"))
    assert "65746e49 20202020 5844546c" in td[2]  # "IntelTDX    ", from the module
    assert td[2] != vm[2]


def test_quicksort_sorts():
    numbers = [int(word) for word in ran("quicksort", "legacy").console.split()]
    assert numbers == sorted(numbers) and len(numbers) == 64


def test_the_picture_is_symmetric():
    rows = ran("picture", "legacy").console.decode().splitlines()
    assert rows == rows[::-1] and len(rows) == 11


@pytest.mark.skipif(not shutil.which("as"), reason="GNU as is not on this computer")
@pytest.mark.parametrize("name", NAMES)
def test_gnu_as_makes_the_same_bytes(name, tmp_path):
    text = gallery.guest(name).text
    made = assemble(text)
    (tmp_path / "s.s").write_text(text)
    places = [f"--section-start={section}={address:#x}" for section, address, _, _ in made.sections]
    for command in (["as", "--64", f"-I{LIBRARY}", "-o", "s.o", "s.s"],
                    ["ld", "-e", "_start", "--no-warn-rwx-segments", *places, "-o", "s.elf", "s.o"]):  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for section, _, data, _ in made.sections:
        if data:
            copy = ["objcopy", "-O", "binary", "-j", section, "s.elf", "out"]
            subprocess.run(copy, cwd=tmp_path, check=True)
            assert (tmp_path / "out").read_bytes() == data, section


def test_an_unknown_guest():
    with pytest.raises(TdxvizError, match="did you mean 'hello'"):
        gallery.guest("hallo")
