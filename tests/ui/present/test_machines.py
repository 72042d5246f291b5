"""State machines: every state has a place, and the mark is where the machine really is."""

import pytest

from tdxviz.core import events as e
from tdxviz.core import peek_sept
from tdxviz.core.arch import transitions
from tdxviz.ui.present import machines as present
from tdxviz.ui.present.questions import Questions

SECRET = 0x413540


@pytest.mark.parametrize("one", transitions.MACHINES, ids=lambda one: one.name)
def test_every_state_is_drawn_once_or_named(one) -> None:
    places = present.PLACES[one.name]
    assert set(places) <= set(one.states)
    assert len(set(places.values())) == len(places)
    drawn = {state for arrow in one.arrows for state in (arrow.before, arrow.after)}
    assert drawn <= set(places)


@pytest.mark.parametrize(
    ("name", "label", "state"),
    [
        ("system", "TDX module", "SYS_READY"), ("kot", "HKID 0x21", "HKID_ASSIGNED"),
        ("lifecycle", "TD-A", "TD_KEYS_CONFIGURED"), ("op_state", "TD-A", "RUNNABLE"),
        ("vcpu", "TD-A vCPU 0", "ACTIVE"), ("sept", "TD-A GPA 0x8000 3000", "MAPPED"),
    ],
)  # fmt: skip
def test_where_a_running_td_is(ready, name: str, label: str, state: str) -> None:
    made = present.picture(Questions(ready("ci")), name, "", SECRET, ())
    assert made.subject is not None
    assert (made.subject.label, made.subject.state) == (label, state)
    assert [node.state for node in made.nodes if node.here] == [state]
    assert {edge.before for edge in made.edges if edge.usable} == {state} or state == "HKID_RESERVED"
    assert f"{label} is {state}" in present.describe(made)


def test_counts_and_choice_of_a_subject(ready) -> None:
    ask = Questions(ready("ci"))
    made = present.picture(ask, "sept", "TD-A GPA 0x8000 4000", SECRET, ())
    assert made.subject.hpa == 0x414000
    assert next(n.count for n in made.nodes if n.state == "MAPPED") == 12
    kot = present.picture(ask, "kot", "", SECRET, ())
    assert sum(node.count for node in kot.nodes) == len(ask.machine.module.kot)


def test_the_step_just_made_is_marked(ready) -> None:
    ask = Questions(ready("ci"))
    step = e.VcpuStateChanged(td="td-a", vcpu=0, before="READY", after="ACTIVE")
    made = present.picture(ask, "vcpu", "", SECRET, (step,))
    assert [(edge.before, edge.after) for edge in made.edges if edge.taken] == [("READY", "ACTIVE")]
    assert "went from READY to ACTIVE" in present.describe(made)


def test_leaves_that_work_in_an_op_state_come_from_their_rows(ready) -> None:
    words = present.picture(Questions(ready("ci")), "op_state", "", SECRET, ()).words
    assert any("TDH.VP.ENTER" in row and "work here" in row for row in words)
    assert not any("TDH.MNG.INIT" in row for row in words)


def test_the_legacy_world_has_no_such_states(ready) -> None:
    made = present.picture(Questions(ready("legacy")), "vcpu", "", SECRET, ())
    assert made.subject is None
    assert "nothing" in made.words[0]


def test_entries_that_lead_to_tables_are_counted_too(ready) -> None:
    machine = ready("ci")
    shown = present.picture(Questions(machine), "sept", "", 0x41_4000, ())
    counts = {node.state: node.count for node in shown.nodes}
    td = peek_sept.guests(machine)[0]
    every = [entry.state for entry in peek_sept.entries(machine, td)]
    assert counts["NL_MAPPED"] == every.count("NL_MAPPED") > 1
    assert counts["MAPPED"] == every.count("MAPPED")
