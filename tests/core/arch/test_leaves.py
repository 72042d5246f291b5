"""Leaf rows: complete, and every status and operand that they name exists."""

import pytest

from tdxviz.core.arch.leaves import BY_NAME, LEAVES, SEAMCALL, TDCALL
from tdxviz.core.arch.state_table import OP_STATES
from tdxviz.core.arch.status_table import OPERANDS, STATUS
from tdxviz.core.tdx import dispatch, guest_leaves

MODELLED = {*dispatch.BODIES, *guest_leaves.BODIES}


def test_names_and_numbers_are_unique():
    assert len(BY_NAME) == len(LEAVES) == len(SEAMCALL) + len(TDCALL)


def test_every_leaf_of_the_reference_has_a_row(reference):
    for name, rows in (("seamcall_leaves.json", SEAMCALL), ("tdcall_leaves.json", TDCALL)):
        assert {row["number"]: row["name"] for row in reference(name)["leaves"]} == {
            number: leaf.name for number, leaf in rows.items()
        }


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_a_row_names_real_states(leaf):
    assert leaf.side == ("host" if leaf.name.startswith("TDH.") else "guest")
    assert leaf.purpose
    assert leaf.op_states <= set(OP_STATES)


@pytest.mark.parametrize("name", sorted(MODELLED))
def test_checks_of_modelled_leaves_can_be_answered(name):
    for check in BY_NAME[name].checks:
        assert check.text
        told_otherwise = check.status.startswith("no ")  # a TD exit instead of a status
        statuses = [part.strip() for part in check.status.split("/")]
        assert told_otherwise or all(part in STATUS for part in statuses if part != "..."), check
        operands = (check.operand or "RAX").split(" / ")
        assert all(o in OPERANDS or o == "level" or o.startswith("0x") for o in operands), check
