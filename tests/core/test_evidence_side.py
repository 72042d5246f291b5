"""Access patterns: a guess counts when it is right and made from what the attacker noticed."""

from tdxviz.core import events as e
from tdxviz.core.evidence import Case, Choice, collect
from tdxviz.core.hw.cache import SETS
from tdxviz.core.units import LINE

ONE, TWO = Choice(0x8000_4800, 0x41_4800), Choice(0x8000_5800, 0x41_5800)
CASE = Case(attack="x", world="ci", position="software", guest="td-a", choices=(ONE, TWO))


def used(place: Choice) -> e.MemoryLoaded:
    return e.MemoryLoaded(
        lp=0, actor="td-a", kind="load", gla=place.gpa, gpa=place.gpa, hpa=place.hpa, keyid=33, data=bytes(8)
    )


def fault(gpa: int) -> e.LeafReturned:
    return e.LeafReturned(
        lp=0, side="host", leaf=0, name="TDH.VP.ENTER", status=48, passed=20, reason="", inputs={},
        outputs={"RAX": 48, "R8": gpa},
    )  # fmt: skip


def timed(place: Choice, slow: bool, way: int = 1) -> e.HostTimed:
    return e.HostTimed(lp=1, hpa=place.hpa + way * SETS * LINE, slow=slow)


def test_a_fault_tells_the_page_and_the_guess_is_checked_against_the_guest():
    found = collect(CASE, [fault(0x8000_5000), used(TWO)])
    assert found.pattern_lost
    assert found.signals == [("host", "vm-exit", "EPT violation TD exit"), ("TD", "none", "no signal")]
    assert not collect(CASE, [fault(0x8000_5000), used(ONE)]).pattern_lost
    assert not collect(CASE, [fault(0x8000_5000)]).pattern_lost


def test_places_in_one_page_cannot_be_told_apart_by_faults():
    near = Case(
        attack="x",
        world="ci",
        position="software",
        guest="td-a",
        choices=(ONE, Choice(0x8000_4840, 0x41_4840)),
    )
    assert not collect(near, [fault(0x8000_4000), used(ONE)]).pattern_lost


def test_a_primed_line_that_is_slow_again_tells_the_set():
    prime = [timed(ONE, True), timed(TWO, True)]
    found = collect(CASE, [*prime, used(ONE), timed(ONE, True), timed(TWO, False)])
    assert found.pattern_lost
    assert found.signals == [("host", "data", "timing"), ("nobody", "none", "no signal")]
    assert not collect(CASE, [*prime, used(ONE), timed(ONE, False), timed(TWO, False)]).pattern_lost
    assert not collect(CASE, [*prime, used(ONE), timed(TWO, True)]).pattern_lost


def test_a_fault_says_nothing_where_no_pattern_is_the_target():
    found = collect(Case(attack="x", world="ci", position="software", guest="td-a"), [fault(0x8000_5000)])
    assert not found.carried_out and not found.guessed


def test_filling_the_sets_is_no_observation():
    assert collect(CASE, [timed(ONE, True), used(ONE)]).guessed == []


def test_in_the_legacy_world_the_exit_names_the_page_too():
    case = Case(attack="x", world="legacy", position="software", guest="vm-a", choices=(ONE, TWO))
    exit_ = e.VmExited(lp=0, vm="vm-a", reason=48, why="EPT violation", gpa=0x8000_4800)
    load = e.MemoryLoaded(
        lp=0, actor="vm-a", kind="load", gla=ONE.gpa, gpa=ONE.gpa, hpa=ONE.hpa, keyid=0, data=bytes(8)
    )
    found = collect(case, [exit_, load])
    assert found.pattern_lost and found.signals == [("host", "vm-exit", "EPT violation")]


def retired(count: int) -> list[e.InstructionRetired]:
    return [e.InstructionRetired(lp=0, actor="td-a", rip=n, code=b"\x90") for n in range(count)]


def counted(number: int) -> e.HostCounted:
    return e.HostCounted(lp=0, retired=number)


def test_a_counter_that_counts_the_guest_tells_what_it_does():
    case = Case(attack="x", world="ci", position="software", guest="td-a")
    found = collect(case, [counted(5), *retired(7), counted(12)])
    assert found.pattern_lost and ("host", "data", "event counts") in found.signals
    still = collect(case, [counted(5), *retired(7), counted(5)])
    assert not still.pattern_lost
    assert still.signals == [("host", "data", "counts without the TD's share")]
    assert collect(case, [counted(5), counted(5)]).signals == []


def clocked(tsc: int) -> e.HostClocked:
    return e.HostClocked(lp=0, tsc=tsc)


def test_time_tells_how_far_the_guest_got():
    case = Case(attack="x", world="ci", position="software", guest="td-a")
    found = collect(case, [clocked(5), *retired(7), clocked(12)])
    assert found.pattern_lost and found.signals == [("nobody", "none", "no signal")]
    assert not collect(case, [clocked(5), *retired(7), clocked(40)]).pattern_lost
    legacy = Case(attack="x", world="legacy", position="software", guest="td-a")
    assert collect(legacy, [clocked(5), *retired(7), clocked(12)]).signals == [
        ("host", "data", "instruction count")
    ]
