"""One exit taken apart: stills, gates and what was swept, from real events."""

import pytest

from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.events import StateSaved, TdExited, VmExited
from tdxviz.core.units import with_keyid
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui.present import exit as present
from tests.ui import stage_kit as kit


def shown(world: str, attack: str = "register-peek-on-exit", index: int | None = None):
    session = kit.bridge(world, attack).session
    at = session.total if index is None else index
    return present.picture(session.events, at, session.timeline.at)


@pytest.mark.parametrize("world", ["ci", "li"])
def test_an_interrupt_lets_no_register_of_the_guest_out(world):
    picture = shown(world)
    assert picture is not None
    assert {gate.name for gate in picture.gates if gate.how == "rewritten"} == {
        "RAX",
        "RCX",
        "RDX",
        "R8",
        "R9",
    }
    shut = [gate for gate in picture.gates if gate.how == "shut"]
    assert len(shut) == 10 and all(gate.outside == 0 for gate in shut)
    assert next(gate for gate in shut if gate.name == "RBX").inside != 0
    assert not any(gate.leaks for gate in picture.gates)


def test_an_ordinary_vm_leaves_everything():
    picture = shown("legacy")
    assert picture is not None
    assert all(gate.how == "open" and gate.inside == gate.outside for gate in picture.gates)
    assert any(gate.leaks for gate in picture.gates)


def test_stills_are_in_order_and_stand_at_their_events():
    session = kit.bridge("ci", "register-peek-on-exit").session
    picture = shown("ci")
    assert picture is not None
    indices = [still.index for still in picture.stills]
    assert indices == sorted(indices)
    assert isinstance(session.events[picture.stills[2].index - 1], StateSaved)
    assert isinstance(session.events[picture.stills[4].index - 1], TdExited)


def test_the_still_of_the_moment_is_the_active_one():
    picture = shown("ci")
    assert picture is not None
    for number, still in enumerate(picture.stills):
        again = shown("ci", index=still.index)
        assert again is not None and again.active == number
        assert again.gates == picture.gates


def test_before_any_exit_there_is_nothing_to_show():
    assert present.picture([], 0, lambda index: None) is None
    assert present.describe(None)


def test_a_dead_td_tells_its_status_and_that_it_was_a_machine_check():
    picture = shown("ci", "host-write-full-line")
    assert picture is not None
    assert "Nothing" in picture.stills[2].words
    told = {
        gate.name: gate.outside for gate in picture.gates if gate.name not in ("RAX", "RSP") and gate.outside
    }
    assert told == {"R9": 0x8000_0312}  # interruption information: valid, hardware exception, #MC


def test_a_call_of_the_guest_opens_exactly_the_gates_it_asked_for():
    """A guest that selects R10 to R12 and RBX, in an event story made by hand from a real exit."""
    mask = 0x1C08
    gprs = tuple(n + 1 if mask >> n & 1 else 0 for n in range(16))
    out = (77, mask, *gprs[2:])
    event = TdExited(lp=0, td="td-a", vcpu=0, reason=77, why="TDG.VP.VMCALL", status=77)
    gates = present._gates(tuple(range(1, 17)), out, event)
    opened = {gate.name for gate in gates if gate.how == "open"}
    assert opened == {"RBX", "R10", "R11", "R12"}
    assert all(gate.leaks for gate in gates if gate.name in opened)
    assert GPR_NAMES[4] == "RSP" and gates[4].how == "host"
    assert "opened RBX, R10, R11, R12" in present._caption(gates, event)


def test_it_is_told_in_words():
    session = Session("legacy")
    session.act(Action("interrupt"))
    assert any(isinstance(event, VmExited) for event in session.events)
    picture = present.picture(session.events, session.total, session.timeline.at)
    words = present.describe(picture)
    assert "RBX open" in words and "no scrub" in words


def test_the_saved_registers_are_in_the_cache_under_the_tds_key_and_nobody_elses():
    session = kit.bridge("ci", "register-peek-on-exit").session
    picture = shown("ci")
    assert picture is not None
    sealed = picture.sealed
    assert sealed is not None
    at = picture.stills[2].index
    wanted = next(gate.inside for gate in picture.gates if gate.name == "RBX").to_bytes(8, "little")
    machine = session.timeline.at(at)
    tags = {with_keyid(hpa, sealed.keyid) for hpa in sealed.lines}
    cached = b"".join(line.data for tag, line in machine.platform.cache.lines.items() if tag in tags)
    assert wanted in cached
    assert wanted not in sealed.chips
    assert sealed.host == "zeros"
    assert f"KeyID {sealed.keyid:#x}" in present.describe(picture)
    assert shown("legacy").sealed is None


@pytest.mark.parametrize(("world", "first"), [("ci", 3), ("legacy", 1)])
def test_nothing_is_outside_before_the_border_was_passed(world, first):
    stills = shown(world).stills
    through = [shown(world, index=still.index).is_through for still in stills]
    assert through[0] is False
    assert through[-1] is True
    assert through == sorted(through)
    assert shown(world).scrubbed_at == first
