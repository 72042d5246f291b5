"""A long action in slices: it goes on while the window lives, and can be stopped."""

import pytest

from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui.bridge import Bridge

RUN = Action("resume", {"steps": 400})


@pytest.fixture
def bridge(qapp):
    made = Bridge(Session())
    yield made
    made.task.stop()


def test_it_ends_like_the_same_action_at_once(qtbot, bridge):
    ended = []
    bridge.task.ended.connect(ended.append)
    bridge.begin((RUN, 0), (Action("host.read", {"at": "password"}), 0))
    assert bridge.task.running
    qtbot.waitUntil(lambda: not bridge.task.running, timeout=20_000)
    other = Session()
    other.act(RUN)
    other.act(Action("host.read", {"at": "password"}))
    assert bridge.session.events == other.events
    assert [action.name for action in ended] == ["resume", "host.read"]
    assert bridge.moment.index == bridge.moment.total


def test_nothing_else_acts_meanwhile(qtbot, bridge):
    told = []
    bridge.slipped.connect(told.append)
    bridge.begin((RUN, 0))
    assert bridge.act(RUN) == ()
    bridge.begin((RUN, 0))
    bridge.switch_world("li")
    assert len(told) == 3
    assert all("wait for its end" in words for words in told)
    assert bridge.session.world == "ci"


def test_stopped_early_it_stays_recorded(qtbot, bridge):
    bridge.begin((Action("resume", {"steps": 60_000}), 0))
    qtbot.waitUntil(lambda: bridge.task.done > 2, timeout=20_000)
    bridge.task.stop()
    (entry,) = bridge.session.entries
    assert entry.problem == "It was stopped before its end."
    assert bridge.moment.index == bridge.moment.total > 0
    again = Session()
    again.play(entry.action, lambda machine: iter_commands(bridge.session.timeline.commands))
    assert again.events == bridge.session.events


def iter_commands(commands):
    for command in commands:
        _ = yield command


def test_a_slip_ends_it_and_is_told(qtbot, bridge):
    told = []
    bridge.slipped.connect(told.append)
    bridge.begin((Action("firmware.next"), 0), (RUN, 0))
    qtbot.waitUntil(lambda: not bridge.task.running, timeout=20_000)
    assert told == ["no firmware was booted in this machine; boot one first"]
    bridge.begin((Action("resume", {"stepz": 1}), 0))
    assert "did you mean 'steps'" in told[1]
    assert not bridge.task.running


def test_another_session_ends_it(qtbot, bridge):
    bridge.begin((RUN, 0))
    bridge.set_session(Session())
    assert not bridge.task.running
    assert bridge.moment.total == 0
