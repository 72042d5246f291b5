"""Answers of leaves: ticks as the machine made them, statuses taken apart."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME, LEAVES
from tdxviz.core.events import LeafReturned, TdEntered
from tdxviz.ui.present import leaf_answer as present


def called(machine, name: str, version: int = 0, **regs: int) -> LeafReturned:
    events = machine.do(c.Seamcall(rax=BY_NAME[name].number | version << 16, lp=1, **regs))
    return next(e for e in events if isinstance(e, LeafReturned))


def marks(event: LeafReturned) -> str:
    return "".join(row.mark[0] for row in present.checks(BY_NAME[event.name], event))


def test_a_success_ticks_its_checks(ready) -> None:
    event = called(ready("ci"), "TDH.MNG.CREATE", rcx=0x70_0000, rdx=0x22)
    assert marks(event) == "p" * 8
    told = present.answer(event)
    assert (told.good, told.status) == (True, "TDX_SUCCESS")


def test_a_refusal_stops_at_the_check_that_failed(ready) -> None:
    event = called(ready("ci"), "TDH.MNG.CREATE", rcx=0x60_0000, rdx=0x22)
    leaf = BY_NAME["TDH.MNG.CREATE"]
    stop = present.failing(leaf, event)
    assert stop == event.passed
    assert marks(event) == "p" * stop + "f" + "o" * (7 - stop)
    rows = present.checks(leaf, event)
    assert rows[stop].reason == event.reason != ""
    assert f"Check {stop + 1} failed" in present.answer(event).sentence


def test_the_dispatcher_refuses_before_any_check(ready) -> None:
    event = called(ready("ci"), "TDH.MNG.CREATE", version=3, rcx=0x70_0000, rdx=0x22)
    assert marks(event) == "o" * 8
    assert present.answer(event).sentence.startswith("The dispatcher refused")


def test_a_status_is_taken_apart() -> None:
    value = s.with_operand("TDX_OPERAND_BUSY", "TDR")
    event = LeafReturned(side="host", leaf=9, name="TDH.MNG.CREATE", status=value, passed=3, reason="x")
    bits = dict(present.status_bits(event))
    assert bits["63 ERROR"].startswith("1")
    assert bits["62 NON_RECOVERABLE"] == "0"
    assert bits["47:40 CLASS"] == "0x02 resource busy"
    assert bits["31:0 operand"] == "TDR"
    leaving = LeafReturned(side="host", leaf=0, name="TDH.VP.ENTER", status=77, passed=23, reason="")
    assert dict(present.status_bits(leaving))["31:0 VMX exit reason"] == "77 TDCALL"


def test_outputs_are_decoded(ready) -> None:
    machine = ready("ci")
    event = called(machine, "TDH.MEM.PAGE.AUG", rcx=0x8000_0000, rdx=0x60_0000, r8=0x70_0000)
    outputs = {register: words for register, _, words in present.answer(event).outputs}
    assert outputs["RDX"] == "level 0, MAPPED"


def test_calls_are_found_at_any_moment(ready) -> None:
    machine, events = ready("ci"), []
    for page in (0x70_0000, 0x70_1000):
        events += [TdEntered(td="td-a", vcpu=0), called(machine, "TDH.MNG.CREATE", rcx=page, rdx=0x22)]
    calls = present.Calls()
    calls.grow(events)
    assert [calls.last(n) for n in range(5)] == [None, None, 1, 1, 3]
    assert calls.last(4, "TDH.MNG.CREATE") == 3
    assert calls.last(4, "TDH.MNG.INIT") is None
    calls.grow(events[:1])
    assert calls.last(4) is None


def test_every_leaf_is_offered_once_and_can_be_described() -> None:
    assert sorted(present.names()) == sorted(leaf.name for leaf in LEAVES)
    for leaf in LEAVES:
        assert leaf.name in present.describe(leaf, None)
        assert all(row.mark == "open" for row in present.checks(leaf, None))
    assert "Not modelled yet" in present.describe(BY_NAME["TDH.EXPORT.MEM"], None)


@pytest.mark.parametrize("status", [0, (1 << 64) - 1, 0xC000_0B0D_0000_0001, 0x1234_5678_9ABC_DEF0])
def test_any_status_has_an_answer(status: int) -> None:
    event = LeafReturned(
        side="host",
        leaf=3,
        name="TDH.MEM.SEPT.ADD",
        status=status,
        passed=99,
        reason="",
        outputs={"RDX": status},
    )
    told = present.answer(event)
    assert told.status
    assert told.sentence
