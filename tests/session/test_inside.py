"""Back and forth inside runs that told nothing: every instruction's state, either way."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdxviz.core import commands as c
from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.session.actions import Action
from tdxviz.session.inside import Depth, Spot, numbered, spot
from tdxviz.session.session import Session
from tdxviz.session.timeline import SILENT_CHUNK

SILENT = Action("resume", {"steps": 300, "trace": False})
LONG = 3 * SILENT_CHUNK + 100


def told(steps: int) -> Action:
    return Action("resume", {"steps": steps})


@pytest.fixture(scope="module")
def mixed() -> Session:
    """Silent, told, interrupted, host at work, silent again, and an exception in the guest."""
    session = Session("ci")
    session.act(SILENT)
    session.act(told(20))
    session.act(Action("interrupt"))
    session.act(Action("host.read", {"at": "password"}))
    session.act(Action("resume", {"steps": 200, "trace": False}))
    return session


def digest(machine: Machine) -> str:
    """Of what instructions change: processors, TLBs and the cache, through which every store goes."""
    h = hashlib.sha256()
    machine.platform.cache.digest(h)
    for lp in machine.platform.lps:
        lp.digest(h)
    return h.hexdigest()


def walk(session: Session, way: int) -> dict[Spot, str]:
    """Fingerprints of all instants, instruction by instruction, as far as it goes."""
    found = {session.here: digest(session.machine)}
    while True:
        session.step("instruction", way)
        if session.here in found:
            return found
        found[session.here] = digest(session.machine)


def test_every_state_on_the_way_back_is_the_one_on_the_way_there(mixed):
    mixed.go_to_instruction(0)
    there = walk(mixed, 1)
    assert mixed.here == Spot(mixed.total)
    back = walk(mixed, -1)
    assert len(there) > 500
    assert mixed.index == 0
    for here, fingerprint in back.items():
        if here.depth is not None and here.depth.steps == 0:  # before a run that the host's doing led to
            assert fingerprint == digest(mixed.timeline.within(here.depth))
        else:
            assert fingerprint == there[here]
    assert {here for here in there if here.depth} <= back.keys()


def test_a_state_inside_is_that_of_single_steps(mixed):
    """Fresh from the start, by commands of one step each, without any copy kept."""
    timeline = mixed.timeline
    machine = Session("ci").timeline.machine.copy()
    mixed.go_to(0)
    for number, command in enumerate(timeline.commands):
        if not timeline.steps.is_silent(number):
            machine.do(command)
            continue
        for steps in range(1, timeline.steps.ran(number) + 1):
            machine.do(c.RunGuest(lp=command.lp, steps=1, trace=False))
            assert digest(mixed.go_inside(Depth(number, steps)).machine) == digest(machine)
    assert machine.fingerprint() == timeline.machine.fingerprint()


def test_any_instruction_can_be_jumped_to(mixed):
    total = mixed.moment.instructions
    assert (
        total
        == 300
        + 20
        + 200
        + sum(mixed.timeline.steps.ran(n) for n in range(len(mixed.timeline.commands)))
        - 520
    )
    for number in (1, 150, 299, 300, 305, 320, total - 100, total - 1):
        moment = mixed.go_to_instruction(number)
        assert moment.instruction == number
        assert moment.machine.platform.lps[0].retired > 0
    assert mixed.go_to_instruction(10**9).index == mixed.total
    assert mixed.go_to_instruction(-1).machine.fingerprint() == Session("ci").machine.fingerprint()


def test_a_step_back_replays_at_most_the_piece_it_is_in(monkeypatch):
    session = Session("ci")
    session.act(Action("resume", {"steps": LONG, "trace": False}))
    session.step("instruction", -1)
    done: list[int] = []
    original = Machine.do

    def counted(self, command, stop_after=None):
        done.append(getattr(command, "steps", 0))
        return original(self, command, stop_after)

    monkeypatch.setattr(Machine, "do", counted)
    for back in range(2, 40):
        done.clear()
        assert session.step("instruction", -1).instruction == LONG - back
        assert sum(done) < SILENT_CHUNK
    done.clear()
    session.go_to_instruction(SILENT_CHUNK + 5)
    assert sum(done) <= SILENT_CHUNK + 5, "from the beginning, or from a copy"
    done.clear()
    session.go_to_instruction(SILENT_CHUNK + 6)
    assert sum(done) == 1, "on from where it stands"


def test_acting_inside_a_run_makes_a_branch_from_that_very_instruction(tmp_path):
    session = Session("ci")
    session.act(Action("resume", {"steps": LONG, "trace": False}))
    wanted = session.go_to_instruction(SILENT_CHUNK + 77).machine.fingerprint()
    rip = session.machine.platform.lps[0].cpu.rip
    session.act(Action("resume", {"steps": 1}))
    assert session.branch == 1
    assert session.moment.instructions == SILENT_CHUNK + 78
    assert session.go_to_instruction(SILENT_CHUNK + 77).machine.fingerprint() == wanted
    assert session.machine.platform.lps[0].cpu.rip == rip
    session.go_to_instruction(99)
    session.save(tmp_path / "story.tdxs")
    again = Session.open(tmp_path / "story.tdxs")
    assert again.here == session.here
    assert again.machine.fingerprint() == session.machine.fingerprint()
    assert [b.fork_depth for b in again.branches] == [None, Depth(1, 77)]


@pytest.mark.parametrize("depth", [Depth(-1, 0), Depth(0, 301), Depth(0, -1), Depth(1, 1), Depth(999, 0)])
def test_a_place_that_is_not_there_is_told(mixed, depth):
    with pytest.raises(TdxvizError, match=r"silent run|outside the run"):
        spot(mixed.timeline, depth)


def test_an_action_is_known_inside_its_run(mixed):
    moment = mixed.go_inside(Depth(0, 7))
    assert moment.depth == Depth(0, 7)
    assert moment.chapter == "Run the guest"
    assert mixed.in_the_past


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.sampled_from([SILENT, told(15), Action("interrupt"), Action("host.registers")]),
        min_size=1,
        max_size=6,
    ),
    st.data(),
)
def test_there_and_back_again_by_any_road(story, data):
    session = Session("ci")
    for action in story:
        session.act(action)
    total = session.moment.instructions
    for _ in range(4):
        number = data.draw(st.integers(0, total))
        start = numbered(session.timeline, number)
        session.go_to_instruction(number)
        before = session.machine.fingerprint()
        steps = data.draw(st.integers(1, 12))
        places = [session.here]
        for _ in range(steps):
            session.step("instruction", 1)
            places.append(session.here)
        assert all(a != b or b.index == session.total for a, b in pairwise(places))
        fresh = session.machine.fingerprint()
        session.go_to_instruction(0)
        session._move(start.index, (), start.depth)
        assert session.machine.fingerprint() == before
        session.step("instruction", steps)
        assert session.machine.fingerprint() == fresh


def test_a_program_of_the_learners_own_is_an_action_in_every_world(tmp_path):
    session = Session("ci", scenario="empty")
    session.act(Action("program", {"source": "mov ecx, 9\n1: loop 1b\nmov al, 0\nout 0xF4, al\n"}))
    assert session.entries[-1].problem == ""
    total = session.moment.instructions
    inside = session.go_to_instruction(total - 30)
    assert inside.depth is not None
    session.save(tmp_path / "mine.tdxs")
    again = Session.open(tmp_path / "mine.tdxs")
    assert again.machine.fingerprint() == inside.machine.fingerprint()
    session.switch_world("legacy")
    assert 20 < session.moment.instructions < total
    session.go_to(session.total)
    with pytest.raises(TdxvizError, match="empty machine"):
        session.act(Action("program", {"source": "nop"}))
    with pytest.raises(TdxvizError, match=":1:1: there is no instruction"):
        Session("ci", scenario="empty").act(Action("program", {"source": "mvo"}))
    with pytest.raises(TdxvizError, match="limit"):
        Session("ci", scenario="empty").act(Action("program", {"source": "nop", "limit": 10**9}))
