"""Booting firmware as actions: in time, in branches, in files; with a made-up image, so always."""

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import firmware, firmware_notes
from tdxviz.core.units import MIB, PAGE
from tdxviz.session import deeds_firmware as df
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tests.core.host.test_firmware import FIRST, tiny


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("firmware") / "tiny.fd"
    path.write_bytes(tiny().raw)
    return path


def build(image, **more) -> Action:
    return Action("firmware.build", {"file": str(image), "memory": 32, **more})


@pytest.fixture(scope="module")
def booted(image):
    """At the first TDCALL. Shared: act in sessions of your own."""
    session = Session("ci", scenario="empty")
    session.act(build(image, sha256=df.sha256(tiny().raw)))
    session.act(Action("firmware.next"))
    return session


def state(session: Session):
    machine = session.timeline.machine
    return machine.platform.lps[0].cpu, firmware_notes.read(machine), machine.module.pamt


def fresh(booted) -> Session:
    return booted.compare_with("ci")


def test_it_stops_before_the_first_tdcall(booted):
    lp = booted.machine.platform.lps[0]
    assert lp.retired == FIRST - 1
    assert type(booted.events[-1]).__name__ == "RunPaused"
    assert lp.cpu.gprs[0] == 1
    assert [entry.title for entry in booted.entries][1] == "The firmware runs to a TDCALL"


def test_tdcall_by_tdcall_to_the_end(booted):
    session = fresh(booted)
    leaves = []
    while True:
        leaves.append(firmware.leaf_name(session.machine.platform.lps[0].cpu.gprs[0]))
        try:
            session.act(Action("firmware.next"))
        except TdxvizError as end:
            assert "Halt: the firmware halted" in str(end)
            break
    assert leaves == ["TDG.VP.INFO"] + ["TDG.MEM.PAGE.ACCEPT"] * 5 + ["TDG.VP.VMCALL"]
    assert firmware_notes.read(session.machine).halted
    with pytest.raises(TdxvizError, match="goes no further"):
        session.act(Action("firmware.next"))


def test_running_to_a_leaf_another_leaf_or_a_limit(booted):
    session = fresh(booted)
    session.act(Action("firmware.next", {"until": "other"}))
    assert session.machine.platform.lps[0].cpu.gprs[0] == 6
    session.act(Action("firmware.next", {"until": "TDG.VP.VMCALL"}))
    assert session.machine.platform.lps[0].cpu.gprs[0] == 0
    job = firmware.resume(session.machine)
    assert job.accepted == {PAGE: 1, 2 * MIB: 4}
    session = fresh(booted)
    session.act(Action("firmware.next", {"until": "accepted", "steps": 3}))
    assert session.machine.platform.lps[0].retired == FIRST + 2


def test_single_instructions_go_on_with_the_firmwares_own_host(booted):
    session = fresh(booted)
    session.act(Action("resume", {"steps": 40}))
    assert session.machine.platform.lps[0].retired == FIRST + 39
    assert session.timeline.instructions


def test_time_travel_and_a_branch_in_the_middle(booted):
    session = fresh(booted)
    session.act(Action("firmware.next", {"until": "TDG.VP.VMCALL"}))
    end, last = state(session), session.total
    session.go_to(session.entries[-2].end_event)
    assert session.machine.platform.lps[0].retired == FIRST - 1
    session.act(Action("firmware.next"))
    assert len(session.branches) == 2
    session.act(Action("firmware.next", {"until": "TDG.VP.VMCALL"}))
    assert state(session) == end
    session.switch_branch(0)
    assert session.total == last


def test_every_place_to_branch_leads_to_the_same_end(booted):
    """Between any two events: the host finds in its notes and tables what it needs to go on."""
    session = fresh(booted)
    session.act(Action("firmware.next", {"until": "TDG.VP.VMCALL"}))
    first, last = session.entries[-1].first_event, session.total
    for index in range(first + 1, last, 11):
        session.switch_branch(0)
        session.go_to(index)
        session.act(Action("firmware.next", {"until": "TDG.VP.VMCALL"}))
        assert firmware.resume(session.machine).accepted == {PAGE: 1, 2 * MIB: 4}, index


def test_a_script_names_the_image_and_is_small(booted, tmp_path):
    path = tmp_path / "boot.tdxs"
    booted.save(path)
    assert path.stat().st_size < 4096
    again = Session.open(path)
    assert state(again) == state(booted)
    assert again.events == booted.events


def test_a_script_whose_image_is_missing_says_what_it_needs(booted, tmp_path):
    path = tmp_path / "boot.tdxs"
    booted.save(path)
    text = path.read_text("utf-8")
    name = booted.actions[0].args["file"]
    path.write_text(text.replace(name, str(tmp_path / "gone.fd")), "utf-8")
    with pytest.raises(TdxvizError, match=r"boot.tdxs:2: .*gone.fd: there is no such file.*SHA-256"):
        Session.open(path)
    other = tmp_path / "gone.fd"
    other.write_bytes(tiny().raw + bytes(16))
    with pytest.raises(TdxvizError, match="another file than this script was made with"):
        Session.open(path)


def test_a_legacy_world_has_no_td_to_build(image):
    with pytest.raises(TdxvizError, match="no TDX module"):
        Session("legacy", scenario="empty").act(build(image))


def test_what_cannot_be_booted_is_told(image, booted, tmp_path):
    empty = tmp_path / "empty.fd"
    empty.write_bytes(b"")
    slips = [
        (build(tmp_path), "no regular file"),
        (build(tmp_path / "no.fd"), "Debian's package ovmf"),
        (build("a\0b"), "cannot be read"),
        (build("/dev/zero"), "no regular file"),
        (build(empty), "0 bytes; an image has 1 to"),
        (build(image, memory=7), "must be 32..160"),
        (Action("firmware.next"), "no firmware was booted"),
        (Action("firmware.next", {"until": "TDG.MEM.PAGE.ACEPT"}), "did you mean 'TDG.MEM.PAGE.ACCEPT'"),
        (Action("firmware.next", {"steps": 0}), "must be 1.."),
        (Action("firmware.next", {"steps": 10**9}), "must be 1.."),
    ]
    for action, words in slips:
        with pytest.raises(TdxvizError, match=words):
            Session("ci", scenario="empty").act(action)
    with pytest.raises(TdxvizError, match="has a TD already"):
        fresh(booted).act(build(image))


def test_the_number_of_calls_is_about_right(booted):
    made = booted.entries[0].end_command
    assert abs(df.commands(tiny()) - made) < 40
