"""The vault, set up in every world: at its label, with its secrets in memory."""

import pytest

from tdxviz.core.drive import drive
from tdxviz.core.guest import programs
from tdxviz.core.host import layout
from tdxviz.core.host.setup import setup
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe

WORLDS = ["legacy", "li", "ci"]


@pytest.mark.parametrize("world", WORLDS)
def test_the_guest_stands_at_ready_and_knows_its_password(ready, world):
    machine = ready(world)
    lp = machine.platform.lps[0]
    assert (lp.mode, lp.cpu.rip, lp.cpu.bits) == (
        "vm" if world == "legacy" else "td",
        layout.symbol("ready"),
        64,
    )
    secret = layout.hpa_of(layout.symbol("password"))
    assert observe(machine, "guest", secret, 64).data.startswith(b"my password is")
    assert (observe(machine, "host", secret, 64).kind == "readable") == (world == "legacy")


@pytest.mark.parametrize("world", WORLDS)
def test_its_secrets_are_in_memory_not_only_in_the_cache(ready, world):
    machine = ready(world)
    page = layout.hpa_of(layout.symbol("password")) & -4096
    assert not [tag for tag in machine.platform.cache.lines if tag & (1 << 46) - 4096 == page]


def test_setup_is_deterministic():
    def made(seed):
        machine = Machine("ci", seed)
        drive(machine, setup(machine))
        return machine.fingerprint()

    assert made(7) == made(7) != made(8)


def test_the_program_is_the_one_that_was_measured(ready):
    machine = ready("ci")
    code = programs.load("vault").pages[layout.GUEST_BASE]
    seen = observe(machine, "guest", layout.PRIVATE, 64)
    assert seen.data == code[:64]
