"""What every test may use: machines that are already up, made once and copied."""

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tdxviz.core.drive import drive
from tdxviz.core.host.setup import setup
from tdxviz.core.machine import Machine
from tdxviz.core.units import World

settings.register_profile("no-clock", deadline=None)
settings.load_profile("no-clock")
"""A test never fails because the machine was busy."""

SHARED = Path(__file__).resolve().parents[2] / "shared"


@cache
def _ready(world: World) -> Machine:
    machine = Machine(world)
    drive(machine, setup(machine))
    return machine


@pytest.fixture
def ready():
    """``ready(world)``: a fresh copy of a machine whose guest has reached its label ``ready``."""

    def make(world: World = "ci") -> Machine:
        return _ready(world).copy()

    return make


@pytest.fixture(scope="session")
def reference():
    """``reference(name)``: a researched table of the shared reference pages, or skip."""

    def load(name: str) -> dict:
        path = SHARED / "reference" / name
        if not path.exists():
            pytest.skip(f"the reference table {name} is not beside this checkout")
        return json.loads(path.read_text())

    return load
