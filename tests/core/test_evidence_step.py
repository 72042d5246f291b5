"""Stepping is judged by what the guest executed between an entry and an exit."""

from tdxviz.core import events as e
from tdxviz.core.arch.exits import EPT_VIOLATION
from tdxviz.core.evidence import Case, collect

ENTER = e.VmEntered(lp=0, vm="vm-a")
TIMER = e.VmExited(lp=0, vm="vm-a", reason=1, why="timer")
FAULT = e.VmExited(lp=0, vm="vm-a", reason=48, why="EPT violation", gpa=0x8001_2345)


def legacy(*events: e.Event):
    return collect(Case(attack="x", world="legacy", position="software", guest="vm-a"), events)


def step(rip: int = 0x1000) -> e.Event:
    return e.InstructionRetired(lp=0, actor="vm-a", rip=rip, code=b"\x90")


def test_three_stays_of_one_instruction_are_stepping():
    one = (ENTER, step(), TIMER)
    assert not legacy(*one * 2).pattern_lost
    assert legacy(*one * 3).pattern_lost


def test_longer_stays_are_not():
    two = (ENTER, step(), step(), TIMER)
    assert not legacy(*two * 5).pattern_lost


def test_the_same_fault_without_progress_is_a_replay():
    assert legacy(*(ENTER, FAULT) * 4).pattern_lost
    assert not legacy(*(ENTER, FAULT) * 3).pattern_lost
    assert not legacy(*(ENTER, step(), FAULT) * 6).pattern_lost


def test_an_exit_without_an_entry_is_an_imitation():
    case = Case(attack="x", world="ci", position="software", guest="td-a")
    told = e.LeafReturned(
        lp=0, name="TDH.VP.ENTER", side="host", status=EPT_VIOLATION, reason="",
        outputs={"R8": 0x8001_2000}, leaf=0, passed=0,
    )  # fmt: skip
    entered = e.TdEntered(lp=0, td="td-a", vcpu=0)
    real = collect(case, (entered, told) * 8)
    assert not real.signals
    faked = collect(case, (entered, told) * 2 + (told,) * 4)
    assert [s[2] for s in faked.signals] == ["emulated EPT violation exit"]
    assert not faked.pattern_lost
