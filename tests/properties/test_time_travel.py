"""Run = single steps = back and forth: fingerprints agree at every index, whatever was done."""

import contextlib
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.session.setup import prepared

PLACES = st.sampled_from(["password", "password+8", "picture+0x140", "balance", "cell"])
ACTIONS = st.one_of(
    st.builds(lambda at: Action("host.read", {"at": at}), PLACES),
    st.builds(
        lambda at, how: Action("host.write", {"at": at, "how": how, "size": 8}),
        PLACES,
        st.sampled_from(["ordinary", "partial"]),
    ),
    st.builds(lambda at: Action("probe.capture", {"at": at}), PLACES),
    st.builds(lambda at: Action("probe.inject", {"at": at}), PLACES),
    st.builds(lambda at, bit: Action("probe.flip", {"at": at, "bit": bit}), PLACES, st.integers(0, 511)),
    st.builds(lambda at: Action("device.read", {"at": at}), PLACES),
    st.builds(lambda n: Action("resume", {"steps": n}), st.integers(1, 90)),
    st.just(Action("resume", {"steps": 300, "trace": False})),
    st.just(Action("interrupt")),
    st.just(Action("host.registers")),
    st.just(Action("attack", {"id": "host-read-keyid0"})),
)


class TimeTravel(RuleBasedStateMachine):
    """Keeps, per index of the current branch, the fingerprint it was first seen with."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session("ci")
        self.live = self.session.machine.fingerprint()

    @rule(action=ACTIONS)
    def act(self, action: Action) -> None:
        with contextlib.suppress(TdxvizError):
            self.session.act(action)
        self.session.go_to(self.session.total)
        self.live = self.session.timeline.machine.fingerprint()

    @rule(data=st.data(), action=ACTIONS)
    def act_in_the_past(self, data: st.DataObject, action: Action) -> None:
        self.session.go_to(data.draw(st.integers(0, self.session.total)))
        self.act(action)

    @rule(data=st.data(), unit=st.sampled_from(["event", "instruction", "action"]))
    def wander(self, data: st.DataObject, unit: str) -> None:
        """There and back again ends where it began, by whatever steps."""
        start = data.draw(st.integers(0, self.session.total))
        before = self.session.go_to(start).machine.fingerprint()
        steps = data.draw(st.integers(1, 5))
        for _ in range(steps):
            self.session.step("event", 1)
        moved = self.session.index - start
        for _ in range(moved):
            self.session.step("event", -1)
        assert self.session.go_to(start).machine.fingerprint() == before
        self.session.step(unit, 1)  # type: ignore[arg-type]  # because it is drawn from the units
        assert self.session.machine.fingerprint() == fresh(self.session, self.session.index)

    @precondition(lambda self: len(self.session.branches) > 1)
    @rule(data=st.data())
    def switch_branch(self, data: st.DataObject) -> None:
        self.session.switch_branch(data.draw(st.integers(0, len(self.session.branches) - 1)))
        self.live = self.session.timeline.machine.fingerprint()

    @rule(world=st.sampled_from(["legacy", "li"]))
    def other_world_and_back(self, world: str) -> None:
        before = self.session.go_to(self.session.index).machine.fingerprint()  # out of a run, if inside one
        self.session.switch_world(world)  # type: ignore[arg-type]  # because it is drawn from the worlds
        self.session.switch_world("ci")
        assert self.session.machine.fingerprint() == before

    @rule()
    def what_is_saved_is_what_opens(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "story.tdxs"
            self.session.save(path)
            again = Session.open(path)
        assert (again.index, again.branch) == (self.session.index, self.session.branch)
        assert again.machine.fingerprint() == self.session.machine.fingerprint()
        for mine, theirs in zip(self.session.branches, again.branches, strict=True):
            assert mine.actions == theirs.actions
            assert mine.timeline("ci").events == theirs.timeline("ci").events
            assert mine.timeline("ci").verdicts == theirs.timeline("ci").verdicts

    @invariant()
    def looking_back_changes_nothing(self) -> None:
        index = self.session.index
        self.session.go_to(index // 2)
        self.session.go_to(self.session.total)
        assert self.session.machine.fingerprint() == self.live
        self.session.go_to(index)


def fresh(session: Session, index: int) -> str:
    """Fingerprint at an index, or where the session stands in a silent run, by replay from the very start,
    without any checkpoint."""
    machine: Machine = prepared(session.world, session.seed, session.scenario).copy()
    timeline, depth = session.timeline, session.depth
    if depth is not None:
        for command in timeline.commands[: depth.command]:
            machine.do(command)
        machine.do(msgspec.structs.replace(timeline.commands[depth.command], steps=depth.steps))
        return machine.fingerprint()
    done = timeline.command_at(index)
    for command in timeline.commands[:done]:
        machine.do(command)
    if done < len(timeline.commands) and index > timeline.starts[done]:
        machine.do(timeline.commands[done], stop_after=index - timeline.starts[done])
    return machine.fingerprint()


TestTimeTravel = TimeTravel.TestCase
TestTimeTravel.settings = settings(
    max_examples=12,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_single_steps_equal_one_run_and_any_index_equals_replay():
    session = Session("ci")
    session.act(Action("resume", {"steps": 40}))
    session.act(Action("host.read", {"at": "password"}))
    walked = [session.go_to(0).machine.fingerprint()]
    while session.index < session.total:
        walked.append(session.step("event").machine.fingerprint())
    assert len(walked) == session.total + 1
    back = [session.go_to(i).machine.fingerprint() for i in reversed(range(session.total + 1))]
    assert back[::-1] == walked
    for index in range(0, session.total + 1, 7):
        assert fresh(session, index) == walked[index]


def test_one_run_of_many_instructions_equals_many_runs_of_one():
    together, apart = Session("ci"), Session("ci")
    together.act(Action("resume", {"steps": 100}))
    for _ in range(100):
        apart.act(Action("resume", {"steps": 1}))
    assert together.machine.fingerprint() == apart.machine.fingerprint()
    assert together.events == apart.events
