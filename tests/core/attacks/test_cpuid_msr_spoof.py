"""What the guest goes by after the lies, value by value."""

import struct

import pytest

from tdxviz.core.attacks.catalogue import attack
from tdxviz.core.attacks.play import play
from tdxviz.core.drive import drive
from tdxviz.core.machine import Machine
from tdxviz.core.observe import guest_actor, observe
from tdxviz.core.units import WORLDS, World


@pytest.mark.parametrize(
    ("name", "world"), [(n, w) for n in ("", ":naive-guest", ":kvmclock") for w in WORLDS]
)
def test_what_a_guest_goes_by_after_the_lies(ready, name: str, world: World) -> None:
    machine: Machine = ready(world)
    drive(machine, play(machine, attack("cpuid-msr-spoof" + name)))

    at = machine.books.hpa_of(machine.books.symbol("facts"))
    seen = observe(machine, guest_actor(machine), at, 24).data
    assert seen is not None
    aes, caches, offers, events, timer, time = struct.unpack("<6I", seen)
    lied_to = world == "legacy" or name == ":naive-guest"
    assert (caches, events, timer) == (
        (0x0BAD0200, 0x0BAD0400, 0x0BAD0500) if lied_to else (0, 0, 0xFFFF_FFFF)
    )
    assert (offers == 0) == (not lied_to)
    assert (aes == 0x0BAD0100) == (world == "legacy")  # leaf 1 of a TD is the module's
    assert (time == 0x0BAD0600) == ((name, world) == (":kvmclock", "legacy"))
