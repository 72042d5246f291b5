"""Leaks through the cache: the host's numbers come from its clock, and count if they are the guest's bytes."""

from tdxviz.core import events as e
from tdxviz.core.evidence import Case, collect
from tdxviz.core.evidence_speculation import ISOLATION

LINES = tuple(range(0x8000, 0x8000 + 256 * 64, 64))
NONE = ("TD", "none", "no signal for predictor isolation")
LEAK = ("host", "data", "leaked bytes by timing")
TRAINED = e.HostBranched(lp=0, at=1, to=2, call=False)


def case(world: str = "legacy") -> Case:
    guest = "vm-a" if world == "legacy" else "td-a"
    return Case(
        attack="x", world=world, position="software", guest=guest, hpa=0, expected=b"secret", probe=LINES
    )


def rounds(*values: int | None) -> list[e.Event]:
    """The host times all lines once a round; one of them, or none, is cached."""
    return [e.HostTimed(lp=1, hpa=hpa, slow=n != value) for value in values for n, hpa in enumerate(LINES)]


def astray(trainer: str, actor: str = "vm-a") -> e.SpeculationBegan:
    return e.SpeculationBegan(lp=0, actor=actor, branch=1, predicted=2, actual=3, trainer=trainer)


def test_four_right_bytes_are_a_leak_and_fewer_or_wrong_ones_are_none():
    found = collect(case(), [TRAINED, astray("host"), *rounds(*b"secr")])
    assert found.leaked and LEAK in found.signals and '"secr"' in found.leak_words
    for others in (b"sec", b"secs", b"ecre"):
        assert not collect(case(), [TRAINED, *rounds(*others)]).leaked


def test_a_round_without_a_single_cached_line_says_nothing():
    noisy = rounds(*b"sec") + [e.HostTimed(lp=1, hpa=hpa, slow=False) for hpa in LINES]
    for story in ([*rounds(*b"sec", None, *b"r")], noisy):
        assert not collect(case(), [TRAINED, *story]).leaked


def test_a_td_that_was_not_steered_was_isolated_and_nobody_told_it():
    found = collect(case("ci"), [TRAINED, astray("td-a", "td-a"), *rounds(None, None)])
    assert found.signals == [NONE] and found.decided_by == ISOLATION and found.carried_out
    assert collect(case("ci"), [TRAINED, astray("host", "td-a")]).signals == []
    assert collect(case("ci"), rounds(None)).signals == []
    assert collect(case(), [TRAINED, *rounds(None)]).signals == []


def test_only_the_guest_can_be_steered():
    assert not collect(case(), [TRAINED, astray("host", "vm-b")]).speculation.steered


def test_what_is_read_ahead_is_not_used():
    """A tampered or exchanged line counts when the guest goes on with it, not when it is undone."""
    tampered = Case(
        attack="x", world="legacy", position="software", guest="vm-a", hpa=0x40, gla=0x40, expected=b"good"
    )
    store = e.HostStored(lp=1, hpa=0x40, keyid=0, data=b"evil", how="ordinary")
    for hpa in (0x40, 0x9040):
        stories = {
            kind: [
                store,
                e.MemoryLoaded(
                    lp=0, actor="vm-a", kind=kind, gla=0x40, gpa=0x40, hpa=hpa, keyid=0, data=b"evil"
                ),
            ]
            for kind in ("load", "speculative load")
        }
        assert collect(tampered, stories["load"]).integrity == "lost"
        assert collect(tampered, stories["speculative load"]).integrity == "kept"
