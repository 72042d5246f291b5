"""Every leaf in every state of a Secure EPT entry: allowed or refused, and what the state is then.

The table is copied from the module's own, tdx-architecture 7.4. The TD is INITIALIZED, so that no TLB
tracking stands in the way; what tracking refuses is in checks_mem_range.py.
"""

import hashlib

import pytest

from tdxviz.core.arch import sept
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.host import boot, layout
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.call import Call, SeptPlace
from tests.core.tdx import kit
from tests.core.tdx.cases import TD_2M
from tests.core.tdx.checks_mem_range import BASE, EMPTY, LARGE, TABLE, TDR, kick
from tests.core.tdx.checks_mem_size import SMALL_PAGES

SPARE, SOURCE = TABLE + 0x20_0000, layout.SOURCE_PAGES
LEAF_STATES = [name for name, state in sept.STATES.items() if state.leaf]
UNBLOCKED = {"BLOCKED": "MAPPED", "PENDING_BLOCKED": "PENDING"}

TABLE_OF_LEAVES: dict[str, dict[str, str]] = {
    "TDH.MEM.PAGE.ADD": {"FREE": "MAPPED"},
    "TDH.MEM.SEPT.ADD": {"FREE": "NL_MAPPED", "NL_MAPPED": "NL_MAPPED"},
    "TDH.MEM.PAGE.RELOCATE": {n: UNBLOCKED.get(n, n) for n in LEAF_STATES},
    "TDH.MEM.PAGE.AUG": {"FREE": "PENDING", "REMOVED": "PENDING"},
    "TDH.MEM.RANGE.BLOCK": {
        "NL_MAPPED": "NL_BLOCKED", "MAPPED": "BLOCKED", "BLOCKEDW": "BLOCKED",
        "PENDING": "PENDING_BLOCKED", "PENDING_BLOCKEDW": "PENDING_BLOCKED",
    },
    "TDH.MEM.RANGE.UNBLOCK": {**UNBLOCKED, "NL_BLOCKED": "NL_MAPPED"},
    "TDH.MEM.RD": {n: n for n in (
        "MAPPED", "BLOCKEDW", "EXPORTED_BLOCKEDW", "EXPORTED_DIRTY", "EXPORTED_DIRTY_BLOCKEDW",
    )},
    "TDH.MEM.WR": {"MAPPED": "MAPPED", "EXPORTED_DIRTY": "EXPORTED_DIRTY"},
    "TDH.MEM.PAGE.DEMOTE": dict.fromkeys(("MAPPED", "BLOCKED", "PENDING", "PENDING_BLOCKED"), "NL_MAPPED"),
    "TDH.MR.EXTEND": {"MAPPED": "MAPPED"},
    "TDH.MEM.PAGE.PROMOTE": {"NL_MAPPED": "PENDING", "NL_BLOCKED": "PENDING"},
    "TDH.MEM.SEPT.RD": {n: n for n in sept.STATES},
    "TDH.MEM.PAGE.REMOVE": dict.fromkeys(
        ("MAPPED", "BLOCKED", "BLOCKEDW", "PENDING", "PENDING_BLOCKED", "PENDING_BLOCKEDW"), "FREE"
    ),
    "TDH.MEM.SEPT.REMOVE": {"NL_MAPPED": "FREE", "NL_BLOCKED": "FREE"},
}  # fmt: skip
ONLY_LEVEL_1 = (
    "TDH.MEM.SEPT.ADD", "TDH.MEM.PAGE.DEMOTE", "TDH.MEM.PAGE.PROMOTE", "TDH.MEM.SEPT.REMOVE",
)  # fmt: skip
ONLY_LEVEL_0 = (
    "TDH.MEM.PAGE.ADD", "TDH.MEM.PAGE.RELOCATE", "TDH.MEM.RD", "TDH.MEM.WR", "TDH.MR.EXTEND",
)  # fmt: skip
NOT_PRESENT = ("TDH.MEM.RD", "TDH.MEM.WR", "TDH.MR.EXTEND")
"""Leaves that walk to a present leaf first."""


def stopped(*steps: kit.Prepare) -> Machine:
    machine = kit.before("running")
    for step in steps:
        step(machine)
    if machine.platform.lps[0].mode == "td":
        kick(machine)
    kit.tdcs_field("OP_STATE", 1)(machine)
    kit.tdcs_field("ATTRIBUTES", boot.SEPT_VE_DISABLE | boot.DEBUG)(machine)
    assert machine.module is not None
    machine.module.mrtd.setdefault(TDR, hashlib.sha384())
    return machine


@pytest.fixture(scope="module")
def machines() -> dict[str, Machine]:
    return {
        "small": stopped(), "large": stopped(LARGE), "empty": stopped(EMPTY),
        "full": stopped(*SMALL_PAGES),
    }  # fmt: skip


def place_of(machine: Machine, gpa: int, level: int) -> tuple[Call, SeptPlace]:
    call = Call(machine.platform, machine.module, 0, BY_NAME["TDH.MEM.SEPT.RD"], {})
    place, reached = call.entry_at(kit.td(machine), gpa, level)
    assert reached
    return call, place


def where(leaf: str, state: str) -> tuple[str, int, int]:
    """Which machine, GPA and level show this state to this leaf."""
    if sept.STATES[state].leaf or state in ("FREE", "REMOVED"):
        return ("large", TD_2M, 1) if leaf in ONLY_LEVEL_1 else ("small", BASE, 0)
    return ("full" if leaf == "TDH.MEM.PAGE.PROMOTE" else "empty", TD_2M, 1)


def put(machine: Machine, gpa: int, level: int, state: str) -> None:
    """The entry gets the state; what it names stays, except for states that name nothing."""
    call, place = place_of(machine, gpa, level)
    hpa = 0 if state in ("FREE", "REMOVED") else sept.frame(place.value)
    call.set_entry(kit.td(machine), place, state, hpa)


@pytest.mark.parametrize("leaf", TABLE_OF_LEAVES)
def test_every_state_is_allowed_or_refused_as_the_table_says(leaf, machines):
    allowed, row = TABLE_OF_LEAVES[leaf], BY_NAME[leaf]
    for state in sept.STATES:
        kind, gpa, level = where(leaf, state)
        if level and leaf in ONLY_LEVEL_0:
            continue  # a non-leaf state cannot stand at level 0
        machine = machines[kind].copy()
        put(machine, gpa, level, state)
        before = kit.essence(machine)
        existing = 1 if leaf == "TDH.MEM.SEPT.ADD" else 0
        answer = kit.answer(
            kit.seamcall(machine, leaf, rcx=gpa | level, rdx=TDR | existing, r8=SPARE, r9=SOURCE, lp=1)
        )
        after = place_of(machine, gpa, level)[1].state
        if state in allowed:
            assert (answer.status, after) == (0, allowed[state]), (state, answer)
            continue
        assert after == state
        assert kit.essence(machine) == before
        name = s.name_of(answer.status)
        if leaf in NOT_PRESENT and "r" not in sept.PERMS[state]:
            assert name == "TDX_EPT_ENTRY_NOT_PRESENT", (state, answer)
        elif leaf == "TDH.MEM.RANGE.BLOCK" and state in ("BLOCKED", "PENDING_BLOCKED", "NL_BLOCKED"):
            assert name == "TDX_GPA_RANGE_ALREADY_BLOCKED", (state, answer)
        else:
            assert answer.reason
            assert name in {c.status for c in row.checks}, (state, answer)
            assert name in ("TDX_EPT_ENTRY_STATE_INCORRECT", "TDX_EPT_ENTRY_NOT_PRESENT"), (state, answer)
        assert answer.outputs["RDX"] == level | sept.PUBLIC[state] << 8
        assert answer.outputs["RCX"] == sept.shown(place_of(machine, gpa, level)[1].value)


ACCEPTED = {"PENDING": "MAPPED", "PENDING_EXPORTED_DIRTY": "EXPORTED_DIRTY"}


@pytest.mark.parametrize("state", [*LEAF_STATES, "FREE", "REMOVED"])
def test_the_guest_accepts_pending_pages_only(state):
    machine = kit.before("running")
    put(machine, BASE, 0, state)
    events = kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=BASE)
    after = place_of(machine, BASE, 0)[1].state
    if state in ACCEPTED:
        assert (kit.answer(events).status, after) == (0, ACCEPTED[state])
    elif "r" in sept.PERMS[state]:
        assert s.name_of(kit.answer(events).status) == "TDX_PAGE_ALREADY_ACCEPTED"
        assert after == state
    else:
        assert machine.platform.lps[0].mode == "host"  # an EPT violation exit
        assert after == state
