"""Lies: what reached the guest, and whether it goes by it, is read from its own stores."""

from tdxviz.core import events as e
from tdxviz.core.evidence import Case, collect
from tdxviz.core.verdict import judge

LIE, TRUTH = 0x0BAD_0100, 0x1234
FACTS, STACK = 0x8000, 0x4000
CASE = Case(
    attack="x",
    world="ci",
    position="software",
    guest="td-a",
    hpa=FACTS,
    gla=FACTS,
    expected=bytes(64),
    lies=(LIE,),
)


def stored(hpa: int, value: int, actor: str = "td-a") -> e.MemoryStored:
    return e.MemoryStored(
        lp=0, actor=actor, gla=hpa, gpa=hpa, hpa=hpa, keyid=33, data=value.to_bytes(8, "little")
    )


def test_a_lie_where_the_guest_keeps_its_facts_is_believed():
    found = collect(CASE, [stored(STACK, LIE), stored(FACTS + 8, LIE << 32)])
    assert found.answers.believed and not found.answers.ignored
    assert found.signals == [("TD", "data", "lies accepted")] and found.integrity == "lost"
    assert judge(CASE, [stored(FACTS, LIE)]).outcome == "succeeds"


def test_a_lie_that_comes_no_further_is_the_guests_own_doing():
    found = collect(CASE, [stored(STACK, LIE), stored(FACTS, TRUTH)])
    assert found.answers.ignored and "own software" in found.decided_by and found.integrity == "kept"
    verdict = judge(CASE, [stored(STACK, LIE)])
    assert (verdict.outcome, verdict.availability) == ("mitigated-by-guest-software", "kept")
    assert "believes less" in verdict.sentence


def test_without_lies_or_by_others_nothing_follows():
    for story in ([stored(FACTS, TRUTH)], [stored(FACTS, LIE, "td-b")], [stored(FACTS + 1, LIE)][:0]):
        assert judge(CASE, story).outcome == "prevented"
    bare = Case(attack="x", world="ci", position="software", guest="td-a", hpa=FACTS, expected=bytes(64))
    assert not collect(bare, [stored(FACTS, LIE)]).answers.told
