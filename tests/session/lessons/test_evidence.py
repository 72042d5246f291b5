"""What a check reads of the machine: here a TDREPORT, where the guest keeps it."""

import pytest

from tdxviz.session.actions import Action
from tdxviz.session.lessons.evidence import Evidence
from tdxviz.session.lessons.facts import Reporter
from tdxviz.session.session import Session


@pytest.fixture(scope="module")
def reported():
    session = Session("ci", scenario="guest:guarded")
    before = session.total
    session.act(Action("resume", {"until": "reported"}))
    facts = list(Reporter("ci").report(session.events[before:], before))
    return session.machine, facts


def evidence(machine, facts=()):
    return Evidence({}, {"": machine}.get, machine, lambda step, wanted: False, list(facts))


@pytest.mark.parametrize(("name", "value"), [("type", 0x81), ("cet", True), ("debug", False)])
def test_a_report_is_read_in_the_guests_own_memory(reported, name, value):
    assert evidence(*reported).state("report", "", name, "") == value


def test_what_lies_there_decides_and_not_what_the_module_knows(reported):
    """Another address, another content."""
    machine, facts = reported
    made = next(fact for fact in facts if fact.name == "report.create")
    empty = machine.copy()
    wrong = [
        type(made)(made.name, made.number, made.world, made.actor, results=("ok",), more={"first": 0x40_0000})
    ]
    assert evidence(empty, wrong).state("report", "", "type", "") != 0x81


def test_no_report_yet(reported):
    assert evidence(reported[0]).state("report", "", "cet", "") is None
