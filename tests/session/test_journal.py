import os

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.session import autosave, journal
from tdxviz.session.actions import Action
from tdxviz.session.session import Session

WRITE = Action("host.write", {"at": 0x20_0000, "pattern": 0x11})
READ = Action("host.read", {"at": 0x20_0000})


def story(path=None) -> Session:
    session = Session("li", 9, "empty", path)
    session.act(WRITE)
    session.act(READ)
    session.go_to(1)
    session.bookmark("early")
    session.act(READ)
    session.switch_world("ci")
    session.act(WRITE)
    return session


def test_what_is_saved_opens_as_the_same_story(tmp_path):
    session = story()
    session.go_to(2)
    session.save(tmp_path / "a.tdxs")
    again = Session.open(tmp_path / "a.tdxs")
    assert (again.world, again.seed, again.scenario) == ("ci", 9, "empty")
    assert again.index == 2
    assert [b.actions for b in again.branches] == [b.actions for b in session.branches]
    assert again.events == session.events
    assert again.machine.fingerprint() == session.machine.fingerprint()
    assert again.bookmarks == session.bookmarks
    assert again.notice == ""


def test_every_action_is_on_disk_as_soon_as_it_is_done(tmp_path):
    path = tmp_path / "deep" / "auto.tdxs"
    session = Session(scenario="empty", path=path)
    session.act(WRITE)
    session.act(READ)
    again = Session.open(path)
    assert [entry.action for entry in again.entries] == [WRITE, READ]
    session.close()


def test_a_half_written_last_line_is_dropped_with_a_notice(tmp_path):
    path = tmp_path / "auto.tdxs"
    first = Session(scenario="empty", path=path)
    first.act(WRITE)
    first.journal.abandon()
    whole = path.read_bytes()
    session = Session.open(path, go_on=True)
    session.act(READ)
    session.journal.abandon()
    full = path.read_bytes()
    for cut in (1, 10, len(full) - len(whole) - 1):
        path.write_bytes(full[:-cut])
        again = Session.open(path, go_on=True)
        expected = 2 if cut == 1 else 1
        assert len(again.entries) == expected
        if expected == 1:
            assert "written only half" in again.notice
        again.act(READ)
        again.journal.abandon()
        assert len(Session.open(path).entries) == expected + 1
        path.write_bytes(full)


def test_a_full_disk_is_told_and_the_session_goes_on(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    session = Session(scenario="empty", path="/dev/full")
    session.act(WRITE)
    assert "Autosave stopped" in session.notice
    session.act(READ)
    assert len(session.entries) == 2
    with pytest.raises(TdxvizError, match="cannot be written"):
        session.save(tmp_path / "missing" / "a.tdxs")
    session.save(tmp_path / "a.tdxs")
    assert Session.open(tmp_path / "a.tdxs").events == session.events


def test_saving_over_a_file_keeps_it_whole_when_it_fails(tmp_path):
    target = tmp_path / "a.tdxs"
    target.write_bytes(b"old")
    (tmp_path / "a.tdxs.part").mkdir()
    with pytest.raises((TdxvizError, OSError)):
        story().save(target)
    assert target.read_bytes() == b"old"


HEADER = '{"tdxs":1,"scenario":"empty"}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense\n\n", "s.tdxs:1: not a JSON object"),
        (HEADER + "\n[]\n\n", "s.tdxs:2: not a JSON object"),
        (HEADER + '\n{"do":"HostReed","hpa":1}\n', "s.tdxs:2:8: .*did you mean 'HostRead'"),
        (HEADER + '\n{"do":"HostRead","hpb":1}\n', "did you mean 'hpa'"),
        (HEADER + '\n{"do":"HostRead","hpa":"x"}\n', "Expected `int`"),
        (HEADER + '\n{"action":"host.reed"}\n', "s.tdxs:2: .*did you mean 'host.read'"),
        (HEADER + '\n{"action":"host.read","arks":{}}\n', "did you mean 'args'"),
        (HEADER + '\n{"aktion":"host.read"}\n', "did you mean 'action'"),
        (HEADER + '\n{"fork":"b","at":5}\n', "index 5 is outside"),
        (HEADER + '\n{"branch":3}\n', "no branch 3"),
        (HEADER + '\n{"world":"cj"}\n', "s.tdxs:2"),
        (HEADER + "\n" + HEADER + '\n{"world":"li"}\n' + HEADER + "\n", "s.tdxs:4: the header"),
        ('{"tdxs":99}\n', "newer version"),
        ('{"tdxs":0}\n', "no schema 0"),
        ('{"tdxs":1,"scenario":"volt"}\n', "did you mean 'vault'"),
        ('{"tdxs":1,"seed":-4,"scenario":"empty"}\n', "seed -4"),
    ],
)
def test_bad_scripts_are_told_with_their_line(tmp_path, text, message):
    path = tmp_path / "s.tdxs"
    path.write_text(text)
    with pytest.raises(TdxvizError, match=message):
        Session.open(path)


def test_limits_of_size_and_number(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "MOST_COMMANDS", 3)
    line = '{"do":"BusCapture","hpa":4096}\n'
    path = tmp_path / "s.tdxs"
    path.write_text(HEADER + "\n" + line * 4)
    with pytest.raises(TdxvizError, match="more than 3 commands"):
        Session.open(path)
    monkeypatch.setattr(journal, "LARGEST_FILE", 20)
    with pytest.raises(TdxvizError, match="larger than the limit"):
        Session.open(path)
    with pytest.raises(TdxvizError, match="cannot be read"):
        Session.open(tmp_path / "none.tdxs")
    with pytest.raises(TdxvizError, match="cannot be read"):
        Session.open(tmp_path)


def test_a_script_by_hand_may_omit_header_and_commands(tmp_path):
    path = tmp_path / "s.tdxs"
    path.write_text(
        HEADER + '\n{"do":"HostRead","hpa":2097152}\n{"action":"host.read","args":{"at":2097152}}\n'
    )
    session = Session.open(path)
    assert [entry.action.name for entry in session.entries] == ["command", "host.read"]


def test_recorded_commands_win_over_what_an_action_would_do_today(tmp_path):
    path = tmp_path / "s.tdxs"
    path.write_text(
        HEADER
        + '\n{"action":"host.read","args":{"at":2097152},'
        + '"commands":[{"do":"BusCapture","hpa":2097152}]}\n'
    )
    session = Session.open(path)
    assert [type(command).__name__ for command in session.timeline.commands] == ["BusCapture"]


def test_unfinished_sessions_are_found_and_finished_ones_are_not(tmp_path):
    first, second = autosave.new_path(tmp_path), autosave.new_path(tmp_path)
    assert first != second
    crashed = Session(scenario="empty", path=first)
    crashed.act(WRITE)
    crashed.journal.abandon()
    ended = Session(scenario="empty", path=second)
    ended.act(WRITE)
    ended.close()
    autosave.new_path(tmp_path)
    assert autosave.unfinished(tmp_path) == [first]
    recovered = Session.open(first, go_on=True)
    recovered.close()
    assert autosave.unfinished(tmp_path / "missing") == []


def test_the_folder_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("TDXVIZ_DATA", str(tmp_path))
    assert autosave.default_folder() == tmp_path
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(TdxvizError, match="cannot be written"):
        autosave.new_path(blocked / "inside")
