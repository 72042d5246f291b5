"""C programs, compiled here: they print in a guest what they print on this computer."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tdxviz.core.drive import carry_out
from tdxviz.core.guest.load.open import image_of
from tdxviz.core.host import guest_run
from tests.core.host.test_guest_run import prepared

SOURCES = Path(__file__).resolve().parents[3] / "examples" / "guests"
PROGRAMS = ("sha256", "quicksort", "printf", "crc32", "interpreter")
FREESTANDING = ("-O2", "-ffreestanding", "-nostdlib", "-static")
KINDS = {"as it comes": (), "general registers": ("-mgeneral-regs-only",)}

pytestmark = pytest.mark.skipif(
    not shutil.which("gcc") or platform.machine() != "x86_64", reason="no gcc for x86-64 on this computer"
)


def compiled(name: str, folder: Path, *flags: str) -> Path:
    out = folder / f"{name}{len(flags)}"
    done = subprocess.run(
        ["gcc", *flags, "-o", out, SOURCES / f"{name}.c"], capture_output=True, text=True, check=False
    )
    if done.returncode and "cannot find" in done.stderr:
        pytest.skip(f"gcc cannot link here: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_prints_the_same_in_a_td_as_natively(name, kind, tmp_path):
    native = compiled(name, tmp_path, "-O2", "-DHOSTED")
    said = subprocess.run([native], capture_output=True, check=True, timeout=20).stdout
    guest = compiled(name, tmp_path, *FREESTANDING, *KINDS[kind])
    machine = prepared(image_of(guest.read_bytes(), name))
    outcome = carry_out(machine, guest_run.serve(machine, 2_000_000))
    assert (outcome.reason, outcome.exit_code) == ("exit", 0), outcome
    assert outcome.console == said
    assert len(said) > 15


@pytest.mark.parametrize("address", ["0x10000", "0x7F000000"])
def test_any_link_address_below_2_gib(address, tmp_path):
    guest = compiled(
        "crc32",
        tmp_path,
        *FREESTANDING,
        "-mgeneral-regs-only",
        "-mcmodel=small",
        f"-Wl,-Ttext-segment={address}",
    )
    machine = prepared(image_of(guest.read_bytes(), "crc32"), "legacy")
    outcome = carry_out(machine, guest_run.serve(machine, 2_000_000))
    assert outcome.console.startswith(b"cbf43926 cbf43926\n")
