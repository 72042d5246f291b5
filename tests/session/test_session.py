import pytest

from tdxviz.core import events as e
from tdxviz.core.faults import TdxvizError
from tdxviz.session.actions import Action
from tdxviz.session.moment import Focus
from tdxviz.session.session import Session

PAGE = 0x20_0000
WRITE = Action("host.write", {"at": PAGE, "pattern": 0x11})
READ = Action("host.read", {"at": PAGE})
FLIP = Action("probe.flip", {"at": PAGE, "bit": 3})


@pytest.fixture
def session():
    made = Session(scenario="empty")
    made.act(WRITE)
    made.act(READ)
    return made


def fingerprints(session: Session) -> list[str]:
    return [session.go_to(i).machine.fingerprint() for i in range(session.total + 1)]


def test_acting_returns_the_news_and_stands_at_the_end():
    session = Session(scenario="empty")
    news = session.act(WRITE)
    assert any(isinstance(event, e.HostStored) for event in news)
    moment = session.moment
    assert moment.index == moment.total == len(news) == session.total
    assert moment.news == news
    assert moment.event == news[-1]
    assert moment.chapter == "Host overwrites 0x200000"
    assert not moment.frozen


def test_a_new_session_is_an_empty_story():
    moment = Session(scenario="empty").moment
    assert (moment.index, moment.total, moment.event, moment.entry) == (0, 0, None, None)


def test_the_past_can_be_seen_and_the_present_is_unchanged(session):
    end = session.machine.fingerprint()
    start = session.go_to(0)
    assert start.machine.fingerprint() == Session(scenario="empty").machine.fingerprint()
    assert session.go_to(session.total).machine.fingerprint() == end
    assert session.go_to(10**9).index == session.total
    assert session.go_to(-5).index == 0


def test_the_middle_of_a_command_is_a_frozen_moment(session):
    stored = next(n for n, ev in enumerate(session.events) if isinstance(ev, e.HostStored))
    moment = session.go_to(stored)
    assert moment.frozen
    assert moment.event == session.events[stored - 1]


def test_steps_forward_and_back(session):
    session.go_to(0)
    first = session.step("event")
    assert first.index == 1 and first.news == (session.events[0],)
    assert session.step("action").index == session.entries[0].end_event
    assert session.step("action").index == session.total
    assert session.step("event", 5).index == session.total
    assert session.step("action", -1).index == session.entries[0].end_event
    assert session.moment.news == ()
    assert session.step("action", -9).index == 0
    with pytest.raises(TdxvizError, match="no step 'leap'"):
        session.step("leap")  # type: ignore[arg-type]  # because that is the test


def test_acting_in_the_past_starts_a_branch_and_keeps_the_old_one(session):
    old = fingerprints(session)
    session.go_to(session.entries[0].end_event)
    session.act(FLIP)
    assert [branch.name for branch in session.branches] == ["main", "branch 1"]
    assert session.branch == 1
    assert [entry.action for entry in session.entries] == [WRITE, FLIP]
    session.switch_branch(0)
    assert fingerprints(session) == old
    session.switch_branch(1)
    assert [action.name for action in session.actions] == ["host.write", "probe.flip"]
    with pytest.raises(TdxvizError, match="no branch 7"):
        session.switch_branch(7)


def test_a_branch_has_exactly_the_past_it_left(session):
    for index in range(session.total):
        session.switch_branch(0)
        wanted = fingerprints(session)
        session.go_to(index)
        session.act(FLIP)
        kept = session.entries[-1].first_event
        assert kept >= index
        assert [session.go_to(i).machine.fingerprint() for i in range(kept)] == wanted[:kept]


def test_a_slip_in_the_past_makes_no_branch(session):
    session.go_to(1)
    with pytest.raises(TdxvizError):
        session.act(Action("host.read", {"at": "nowhere"}))
    assert len(session.branches) == 1
    assert session.index == 1


def test_bookmarks_remember_the_place(session):
    session.go_to(2)
    mark = session.bookmark("here")
    assert (mark.name, mark.index, mark.world) == ("here", 2, "ci")
    assert session.bookmarks == [mark]


def test_another_world_plays_the_same_actions_and_back_again(session):
    end = session.machine.fingerprint()
    moment = session.switch_world("legacy")
    assert moment.world == "legacy"
    assert [entry.action for entry in session.entries] == [WRITE, READ]
    assert session.switch_world("ci").machine.fingerprint() == end
    session.go_to(session.entries[0].end_event)
    session.switch_world("li")
    assert session.index == session.entries[0].end_event
    assert session.switch_world("ci").index == session.entries[0].end_event
    with pytest.raises(TdxvizError, match="no world 'cl'"):
        session.switch_world("cl")  # type: ignore[arg-type]  # because that is the test


def test_actions_in_the_other_world_are_played_here_on_return(session):
    session.switch_world("legacy")
    session.act(FLIP)
    session.switch_world("ci")
    assert [entry.action for entry in session.entries] == [WRITE, READ, FLIP]
    assert session.index == session.total


def test_compare_shows_the_other_machine_at_the_same_action(session):
    session.set_compare("legacy")
    assert session.moment.compare is not None
    assert session.moment.compare.world == "legacy"
    session.go_to(0)
    compared = session.moment.compare
    assert compared is not None
    assert compared.fingerprint() == Session("legacy", scenario="empty").machine.fingerprint()
    session.set_compare("ci")
    assert session.moment.compare is None


def test_compare_with_is_a_session_of_its_own(session):
    twin = session.compare_with("legacy")
    assert twin.world == "legacy" and twin.total > 0
    twin.act(FLIP)
    assert len(session.actions) == 2
    session.go_to(session.entries[0].end_event)
    assert session.compare_with("li").actions == [WRITE]


def test_the_moment_carries_what_the_learner_points_at(session):
    session.focus = Focus(hpa=PAGE)
    session.pins = (Focus(event=1),)
    moment = session.moment
    assert moment.focus.hpa == PAGE
    assert moment.pins == (Focus(event=1),)


def test_listeners_hear_of_every_action(session):
    heard = []
    session.listeners.append(lambda entry, timeline: heard.append(entry.action.name))
    session.act(FLIP)
    assert heard == ["probe.flip"]


def test_lanes_tell_who_acted(session):
    session.act(FLIP)
    names = {type(event): session.lane(n) for n, event in enumerate(session.events)}
    assert names[e.HostStored] == "host"
    assert names[e.BitFlipped] == "probe"


def test_wrong_worlds_scenarios_and_seeds_are_told():
    for wrong in ({"world": "legcy"}, {"scenario": "vaults"}, {"seed": -1}):
        with pytest.raises(TdxvizError):
            Session(**wrong)


def test_a_world_in_which_an_action_told_nothing_is_left_as_it_was_entered():
    """In the legacy world the silent run is no event: before and after it are one place."""
    session = Session("ci")
    session.act(Action("probe.flip", {"at": "password", "bit": 0}))
    session.act(Action("resume", {"steps": 300, "trace": False}))
    session.go_to(1)
    before = session.machine.fingerprint()
    session.switch_world("legacy")
    assert session.index == session.total == 1
    session.switch_world("ci")
    assert (session.index, session.machine.fingerprint()) == (1, before)
    session.switch_world("legacy")
    session.act(Action("host.registers"))
    session.switch_world("ci")
    assert session.index == session.total
