"""The arrows between states: every name is one of the tables', and a real machine keeps to them."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import transitions as t
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.host.setup import setup
from tdxviz.core.machine import Machine


@pytest.mark.parametrize("one", t.MACHINES, ids=lambda one: one.name)
def test_arrows_join_known_states_by_known_leaves(one: t.StateMachine) -> None:
    for arrow in one.arrows:
        assert {arrow.before, arrow.after} <= set(one.states)
        assert arrow.by in BY_NAME or not arrow.by.startswith(("TDH.", "TDG."))
    assert len(set(one.arrows)) == len(one.arrows)


def test_a_machine_that_builds_and_runs_a_td_keeps_to_the_arrows() -> None:
    kinds = {
        e.SystemStateChanged: "system", e.KotChanged: "kot", e.LifecycleChanged: "lifecycle",
        e.OpStateChanged: "op_state", e.VcpuStateChanged: "vcpu", e.SeptEntryChanged: "sept",
    }  # fmt: skip
    machine, script, seen = Machine("ci"), None, set()
    script = setup(machine)
    command = next(script)
    while command is not None:
        events = machine.do(command)
        for event in events:
            if type(event) in kinds and event.before and event.before != event.after:
                name = kinds[type(event)]
                seen.add(name)
                assert t.leads(name, event.before, event.after), event
        try:
            command = script.send(events)
        except StopIteration:
            command = None
    assert seen == set(kinds.values())


def test_op_states_are_those_of_the_module(reference) -> None:
    rows = reference("op_states.json")["transitions"]
    wanted = {
        (before.strip(), row["by"].split()[0].rstrip(","), row["to_state"])
        for row in rows
        for before in row["from_state"].split("/")
        if before.strip() != row["to_state"]
    }
    assert {arrow[:3] for arrow in t.OP_STATE} == wanted


def test_sept_arrows_are_those_of_the_module(reference) -> None:
    rows = {row["name"]: row for row in reference("sept_states.json")["leaves"]}
    for arrow in t.SEPT:
        row = rows[arrow.by]
        assert arrow.before in row["allowed"], arrow
        after = row["next"][arrow.before]
        assert arrow.after in after.replace("512 ", ""), arrow
