import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.machine import Machine
from tdxviz.session.actions import Action, expand
from tdxviz.session.session import Session
from tdxviz.session.setup import prepared
from tdxviz.session.timeline import SILENT_CHUNK, TRACED_CHUNK, Timeline, cost


@pytest.fixture
def timeline():
    return Timeline(prepared("ci", 7, "vault"))


def raw(*commands):
    """A script that yields these commands."""
    for command in commands:
        _ = yield command


def test_a_long_run_is_recorded_in_short_pieces_and_means_the_same(timeline):
    whole = prepared("ci", 7, "vault").copy()
    wanted = whole.do(c.RunGuest(steps=200))
    timeline.perform(Action("resume"), raw(c.RunGuest(steps=200)))
    assert all(one.steps <= TRACED_CHUNK for one in timeline.commands)
    assert tuple(timeline.events) == wanted
    assert timeline.machine.fingerprint() == whole.fingerprint()


def test_pieces_stop_where_the_whole_run_would(timeline):
    goal = 0x8000_00C8  # the label password_read: 51 instructions after ready
    whole = prepared("ci", 7, "vault").copy()
    whole.do(c.RunGuest(steps=5000, until=goal))
    timeline.perform(Action("resume"), raw(c.RunGuest(steps=5000, until=goal)))
    assert timeline.machine.platform.lps[0].cpu.rip == goal
    assert timeline.machine.fingerprint() == whole.fingerprint()


def test_silent_runs_are_cut_into_longer_pieces(timeline):
    timeline.perform(Action("resume"), raw(c.RunGuest(steps=10_000, trace=False)))
    assert [one.steps for one in timeline.commands] == [SILENT_CHUNK, SILENT_CHUNK, 10_000 - 8192]
    assert cost(timeline.commands[0], 0, SILENT_CHUNK) == SILENT_CHUNK // 16
    assert timeline.events == []


def test_instruction_marks_are_right_after_each_retirement(timeline):
    timeline.perform(Action("resume"), raw(c.RunGuest(steps=70)))
    assert len(timeline.instructions) == 70
    for mark in timeline.instructions:
        assert isinstance(timeline.events[mark - 1], e.InstructionRetired)


def test_every_index_of_an_instruction_is_its_own_moment(timeline):
    timeline.perform(Action("resume"), raw(c.RunGuest(steps=3)))
    for index in range(1, len(timeline.events)):
        seen = timeline.at(index)
        assert seen is not timeline.machine
    assert timeline.at(len(timeline.events)) is timeline.machine


def test_a_fork_in_the_middle_of_an_instruction_completes_it(timeline):
    timeline.perform(Action("resume"), raw(c.RunGuest(steps=20)))
    third = timeline.instructions[2]
    for index in range(timeline.instructions[1] + 1, third + 1):
        twin = timeline.fork(index)
        assert len(twin.events) == third
        assert twin.events == timeline.events[:third]
        assert twin.commands[-1] == c.RunGuest(steps=3)
        assert twin.entries[-1].partial
    assert timeline.fork(0).events == []
    assert timeline.fork(0).entries == []


def test_the_verdict_counts_in_events_of_the_timeline():
    session = Session("ci")
    session.act(Action("host.read", {"at": "cell"}))
    session.act(Action("attack", {"id": "host-read-keyid0"}))
    verdict = session.verdict
    assert verdict is not None
    assert any(isinstance(session.events[n], e.HostLoaded) for n in verdict.causes)
    assert min(verdict.causes) >= session.entries[1].first_event
    assert session.go_to(session.total - 1).verdict is None
    assert session.go_to(session.total).verdict == verdict


def test_a_bug_leaves_the_timeline_as_it_was(timeline, monkeypatch):
    timeline.perform(Action("resume"), raw(c.RunGuest(steps=5)))
    before = timeline.machine.fingerprint()

    def broken(self, command, stop_after=None):
        self.platform.lps[0].cpu.rip = 0
        raise AssertionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(timeline.machine, "do", broken.__get__(timeline.machine), raising=False)
        with pytest.raises(AssertionError) as caught:
            timeline.perform(Action("resume"), raw(c.RunGuest(steps=1)))
    assert "RunGuest" in caught.value.__notes__[0]
    assert timeline.machine.fingerprint() == before
    assert len(timeline.entries) == 1


def test_the_base_is_never_changed():
    base = prepared("ci", 7, "vault")
    before = base.fingerprint()
    session = Session("ci")
    session.act(Action("resume", {"steps": 10}))
    assert isinstance(session.machine, Machine)
    assert base.fingerprint() == before


def test_the_books_of_every_moment_come_back_with_it(timeline):
    """An attack that starts another guest writes new books; looking back shows the old ones."""
    vault = timeline.machine.books
    assert vault.program == "vault"
    action = Action("attack", {"id": "double-accept"})
    timeline.perform(Action("resume"), raw(c.RunGuest(steps=70)))
    before = len(timeline.events)
    timeline.perform(action, expand(timeline.machine, action))
    assert timeline.machine.books.program == "clerk"
    assert timeline.at(before - 1).books is vault
    last = len(timeline.events) - 1
    rebooted = next(n for n, one in enumerate(timeline.commands) if isinstance(one, c.Reboot))
    soon = timeline.starts[rebooted + 3]
    assert [timeline.at(n).books.program for n in (soon, last)] == ["clerk", "clerk"]
    assert timeline.fork(last - 1).machine.books.program == "clerk"
    assert timeline.fork(before - 1).machine.books is vault
