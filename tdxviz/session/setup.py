"""Machines that are ready to be attacked. Setting one up is the cached prefix of every session."""

from functools import lru_cache
from typing import cast

from tdxviz.core.drive import drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host.setup import setup
from tdxviz.core.machine import Machine
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import WORLDS, World

SCENARIOS = ("vault", "empty")
"""``vault``: platform up, guest built and run until it is ready. ``empty``: after reset."""
GALLERY = "guest:"
"""``guest:NAME``: platform up, a guest of the gallery built and run until it begins. ``guest:NAME:2``: its
TD has a second vCPU, on the same logical processor, that has not run."""
RUNTIME_STEPS = 50_000
"""Instructions in which the guest runtime reaches the program."""
BIGGEST_SEED = (1 << 63) - 1


def check(world: str, seed: int, scenario: str) -> World:
    """Raises TdxvizError with the nearest right name."""
    if world not in WORLDS:
        raise TdxvizError(f"there is no world {world!r}; {did_you_mean(world, WORLDS)}")
    if scenario not in SCENARIOS:
        _check_guest(scenario)
    if not 0 <= seed <= BIGGEST_SEED:
        raise TdxvizError(f"seed {seed} must be 0..{BIGGEST_SEED}")
    return cast(World, world)


def _check_guest(scenario: str) -> None:
    from tdxviz.core.guest import gallery  # brings the assembler, which the usual scenarios do without

    named = [GALLERY + guest.name for guest in gallery.guests()]
    known = (*SCENARIOS, *named, *(f"{name}:2" for name in named))
    if scenario not in known:
        raise TdxvizError(f"there is no scenario {scenario!r}; {did_you_mean(scenario, known)}")


@lru_cache(maxsize=8)
def prepared(world: World, seed: int, scenario: str) -> Machine:
    """The machine at index 0 of a timeline. Shared: copy it, never change it."""
    machine = Machine(world, seed)
    if scenario == "vault":
        drive(machine, setup(machine))
    elif scenario.startswith(GALLERY):
        name, _, two = scenario.removeprefix(GALLERY).partition(":")
        _build(machine, name, 2 if two else 1)
    return machine


def _build(machine: Machine, name: str, vcpus: int) -> None:
    """A guest of the gallery on the small runtime, run to the first instruction of its own."""
    from tdxviz.core.guest import gallery
    from tdxviz.core.host import guest_run, guests, run

    image = gallery.guest(name).image()
    pages = guests.plan(image, vcpus=vcpus)
    machine.books = guests.books(image, pages)
    drive(machine, guest_run.start(machine, pages))
    drive(machine, run.resume(machine, steps=RUNTIME_STEPS, until=image.entry, trace=False))
