"""Letting a guest run: until a place, for some steps, through its demands."""

import pytest

from tdxviz.core.commands import RunGuest, Seamcall, VmEnter
from tdxviz.core.drive import drive
from tdxviz.core.events import InstructionRetired, LeafReturned, TdEntered
from tdxviz.core.faults import MachineCheck
from tdxviz.core.host import layout, run
from tdxviz.core.tdx import guest_side

WORLDS = ["legacy", "li", "ci"]


@pytest.mark.parametrize("world", WORLDS)
def test_exactly_so_many_instructions(ready, world):
    machine = ready(world)
    events, _ = drive(machine, run.resume(machine, steps=7))
    assert sum(isinstance(event, InstructionRetired) for event in events) == 7
    assert machine.platform.lps[0].mode != "host"


@pytest.mark.parametrize("world", WORLDS)
def test_until_a_place_and_not_over_it(ready, world):
    machine = ready(world)
    drive(machine, run.resume(machine, steps=5))
    until = layout.symbol("loop")
    drive(machine, run.resume(machine, steps=60_000, until=until, trace=False))
    assert machine.platform.lps[0].cpu.rip == until


def test_no_steps_is_an_entry_alone(ready):
    machine = ready("ci")
    guest_side.guest_interrupt(machine.platform, machine.module, 0, 0x20)
    events, _ = drive(machine, run.resume(machine, steps=0))
    assert [type(event) for event in events][-1] is TdEntered
    assert machine.platform.lps[0].mode == "td"


@pytest.mark.parametrize(("world", "command"), [("legacy", VmEnter), ("ci", Seamcall)])
def test_entering_by_world(ready, world, command):
    machine = ready(world)
    machine.platform.lps[0].mode = "host"
    (entry,) = run.enter(machine, 0)
    assert isinstance(entry, command)


def test_a_guest_inside_is_not_entered_again(ready):
    assert list(run.enter(ready("ci"), 0)) == []


def test_a_demanded_page_is_added_where_the_scenario_has_it(ready):
    machine = ready("ci")
    (command,) = _commands(run.add_on_demand(machine, layout.GUEST_BASE + 0xB000))
    assert command.r8 == layout.PRIVATE + 0xB000
    returned = machine.do(Seamcall(rax=command.rax, lp=1, rcx=command.rcx, rdx=command.rdx, r8=command.r8))
    assert isinstance(returned[-1], LeafReturned)
    assert returned[-1].status == 0


def _commands(recipe):
    answer = LeafReturned(side="host", leaf=0, name="", status=0, passed=0, reason="")
    found = []
    try:
        command = next(recipe)
        while True:
            found.append(command)
            command = recipe.send((answer,))
    except StopIteration:
        return found


def test_a_dead_td_ends_the_run_instead_of_trying_for_ever(ready):
    machine = ready("ci")
    guest_side.guest_machine_check(machine.platform, machine.module, 0, MachineCheck(layout.PRIVATE, 0x21))
    events, _ = drive(machine, run.resume(machine, steps=100))
    assert [event.status >> 61 & 7 for event in events if isinstance(event, LeafReturned)] == [7]
    (refused,) = machine.do(RunGuest(lp=0))
    assert type(refused).__name__ == "CommandRefused"
