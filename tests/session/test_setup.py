"""Scenarios: by name, checked, and ready at their first moment."""

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import gallery
from tdxviz.session import setup
from tdxviz.session.actions import Action
from tdxviz.session.session import Session


@pytest.mark.parametrize(
    ("world", "seed", "scenario", "message"),
    [
        ("mars", 7, "vault", "no world 'mars'"),
        ("ci", -1, "vault", "seed -1"),
        ("ci", 7, "volt", "did you mean 'vault'"),
        ("ci", 7, "guest:reprot", "did you mean 'guest:report'"),
    ],
)
def test_what_does_not_exist_is_told_with_the_nearest(world, seed, scenario, message):
    with pytest.raises(TdxvizError, match=message):
        setup.check(world, seed, scenario)


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
def test_a_gallery_guest_stands_at_its_first_instruction(world):
    machine = setup.prepared(world, 7, "guest:report")
    entry = gallery.guest("report").image().entry
    assert machine.platform.lps[0].cpu.rip == entry == machine.books.symbol("_start")


@pytest.mark.parametrize("world", ["legacy", "ci"])
def test_its_labels_can_be_run_to_and_its_calls_are_answered(world):
    session = Session(world, 7, "guest:report")
    for label in ("worked", "told", "told_too_much"):
        session.act(Action("resume", {"until": label}))
        assert session.machine.platform.lps[0].cpu.rip == session.machine.books.symbol(label)


def test_entering_once_leaves_an_exit_as_it_is():
    session = Session("ci", 7, "guest:leap")
    session.act(Action("page.remove", {"at": "work"}))
    session.act(Action("page.add", {"at": "work"}))
    before = session.machine.books.symbol("_start")
    events = session.act(Action("td.enter", {"steps": 5}))
    assert session.machine.platform.lps[0].mode == "host"
    assert [type(event).__name__ for event in events].count("LeafReturned") == 1
    assert before == 0x40_0000


def test_a_second_vcpu_waits_on_the_same_processor():
    session = Session("ci", 7, "guest:dispatch:2")
    session.act(Action("resume", {"until": "served"}))
    session.act(Action("td.enter", {"steps": 200}))  # it calls for the next request
    events = session.act(Action("td.enter", {"steps": 1, "vcpu": 1}))
    names = [type(event).__name__ for event in events]
    assert names.index("IbpbIssued") < names.index("TdEntered")
    assert not session.machine.platform.lps[0].predictor.returns
    assert session.machine.fingerprint() != Session("ci", 7, "guest:dispatch").machine.fingerprint()
    with pytest.raises(TdxvizError, match="did you mean 'guest:dispatch"):
        setup.check("ci", 7, "guest:dispatch:3")


def test_an_ordinary_vm_has_one_vcpu_whatever_is_asked_for():
    session = Session("legacy", 7, "guest:dispatch:2")
    session.act(Action("resume", {"until": "served"}))
    session.act(Action("td.enter", {"steps": 200}))
    events = session.act(Action("td.enter", {"steps": 1, "vcpu": 1}))
    assert type(events[0]).__name__ == "VmEntered"
