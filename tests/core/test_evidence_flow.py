"""Control flow matched call by call; exceptions that answer; state before and after."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.evidence import Case, collect

INSIDE = Case(attack="x", world="ci", position="inside", guest="td-a")
CALL, RET, NOP = b"\xe8\x00\x00\x00\x00", b"\xc3", b"\x90"


def ran(*steps: tuple[int, bytes]) -> list[e.InstructionRetired]:
    return [e.InstructionRetired(lp=0, actor="td-a", rip=rip, code=code) for rip, code in steps]


def test_a_return_behind_its_call_is_no_attack():
    story = ran((0x10, CALL), (0x40, CALL), (0x80, RET), (0x45, RET), (0x15, NOP))
    found = collect(INSIDE, story)
    assert found.control_flow == "kept" and found.signals == []


@pytest.mark.parametrize("call", [CALL, b"\xff\xd0", b"\x41\xff\xd0", b"\xff\x15\x00\x00\x00\x00"])
def test_a_return_elsewhere_is_one_and_nobody_is_told(call):
    found = collect(INSIDE, ran((0x10, call), (0x40, RET), (0x66, NOP)))
    assert found.control_flow == "lost"
    assert found.signals == [("nobody", "none", "no signal")] and found.causes


def test_a_jump_that_looks_like_nothing_is_none():
    assert (
        collect(INSIDE, ran((0x10, b"\xff\xe0"), (0x40, NOP), (0x41, RET), (0x99, NOP))).control_flow
        == "kept"
    )


def test_from_outside_the_guests_way_is_its_own_affair():
    outside = Case(attack="x", world="ci", position="software", guest="td-a")
    assert collect(outside, ran((0x10, CALL), (0x40, RET), (0x66, NOP))).control_flow == "kept"


@pytest.mark.parametrize(("vector", "name", "integrity"), [(6, "#UD", "kept"), (21, "#CP", "detected")])
def test_exceptions_answer(vector, name, integrity):
    found = collect(INSIDE, [e.ExceptionDelivered(lp=0, actor="td-a", vector=vector, rip=0x40)])
    assert found.signals == [("TD", "exception", name)] and found.integrity == integrity


def test_an_interrupted_call_is_no_wrong_return():
    story = [
        *ran((0x10, CALL)),
        e.ExceptionDelivered(lp=0, actor="td-a", vector=14, rip=0x40),
        *ran((0x900, NOP)),
    ]
    assert collect(INSIDE, story).control_flow == "kept"


def test_a_vm_that_becomes_a_hypervisor():
    case = Case(attack="x", world="legacy", position="inside", guest="vm-a")
    found = collect(case, [e.VmxOperationEntered(lp=0, actor="vm-a")])
    assert found.granted and found.signals == [("TD", "none", "VMX available")]


def test_a_state_that_came_back_whole_is_told():
    state = (0x40, *range(16))
    for resumed, signals in ((state, [("TD", "data", "RIP=R, registers intact")]), ((0x41, *range(16)), [])):
        case = Case(attack="x", world="ci", position="software", guest="td-a", saved=state, resumed=resumed)
        assert collect(case, []).signals == signals
