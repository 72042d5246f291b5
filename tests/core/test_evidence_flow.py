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


DATA = Case(
    attack="x", world="ci", position="software", guest="td-a", hpa=0x5100, gla=0x5100, expected=bytes(16)
)
SYSCALL = (0x9000, b"\x0f\x05")


def ve(frame: int, actor: str = "td-a") -> e.ExceptionDelivered:
    return e.ExceptionDelivered(lp=0, actor=actor, vector=20, rip=0x40, frame=frame)


def loaded(value: int) -> e.MemoryLoaded:
    return e.MemoryLoaded(
        lp=0, actor="td-a", kind="load", gla=0x5100, gpa=0x5100, hpa=0x5100, keyid=33,
        data=value.to_bytes(8, "little"),
    )  # fmt: skip


def test_a_frame_over_the_guests_data_that_it_then_reads():
    found = collect(DATA, [*ran(SYSCALL), ve(0x5100 - 24), loaded(0x5110)])
    assert found.integrity == "lost"
    assert ("TD", "exception", "#VE frame on the program's stack") in found.signals
    assert ("TD", "data", "exception frame read") in found.signals
    assert collect(DATA, [*ran(SYSCALL), ve(0x5100 - 24)]).integrity == "kept"  # nobody used it
    later = collect(DATA, [*ran(SYSCALL, (0x40, NOP)), ve(0x5100 - 24), loaded(1)])
    assert ("TD", "exception", "#VE frame on the kernel's own data") in later.signals


@pytest.mark.parametrize("frame", [-1, 0x5100 - 40, 0x5110])
def test_a_frame_elsewhere_is_none_of_it(frame):
    found = collect(DATA, [*ran(SYSCALL), ve(frame), loaded(7)])
    assert not found.mapping.framed and found.integrity == "kept"
    assert not collect(DATA, [*ran(SYSCALL), ve(0x5100, "td-b")]).mapping.framed
