"""Operands: typed by the words of their row, filled from the present machine so that leaves succeed."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import peek_sept
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME, LEAVES
from tdxviz.core.events import LeafReturned
from tdxviz.core.units import U64
from tdxviz.ui.present import leaf_operands as present
from tdxviz.ui.present.questions import Questions

SECRET = 0x413540


def call(machine, name: str, **changed: int) -> LeafReturned:
    leaf = BY_NAME[name]
    values = {k.lower(): v for k, v in present.defaults(Questions(machine), leaf, SECRET).items()} | changed
    events = machine.copy().do(c.Seamcall(rax=leaf.number, lp=1, **values))
    return next(e for e in events if isinstance(e, LeafReturned))


def kinds(name: str) -> dict[str, str]:
    return {o.register: o.kind for o in present.operands(BY_NAME[name])}


def test_registers_are_typed_by_what_their_row_says() -> None:
    assert kinds("TDH.MEM.PAGE.ADD") == {"RCX": "gpa_level", "RDX": "tdr", "R8": "free", "R9": "source"}
    assert kinds("TDH.MNG.CREATE") == {"RCX": "free", "RDX": "hkid"}
    assert kinds("TDH.VP.ENTER") == {"RCX": "tdvpr"}
    assert list(kinds("TDH.MEM.SEPT.ADD")) == ["RCX", "RDX", "R8", "R9", "R10", "R11"]


@pytest.mark.parametrize(
    "name", ["TDH.MEM.PAGE.AUG", "TDH.MEM.SEPT.ADD", "TDH.MNG.CREATE", "TDH.MEM.RANGE.BLOCK", "TDH.MEM.SEPT.RD",
             "TDH.PHYMEM.PAGE.RDMD", "TDH.MEM.TRACK"],
)  # fmt: skip
def test_what_is_filled_in_succeeds_on_a_running_td(ready, name: str) -> None:
    event = call(ready("ci"), name)
    assert not event.status & s.ERROR, event.reason


def test_unblocking_is_offered_for_the_entry_that_is_blocked(ready) -> None:
    machine = ready("ci")
    block = present.defaults(Questions(machine), BY_NAME["TDH.MEM.RANGE.BLOCK"], SECRET)
    machine.do(c.Seamcall(rax=BY_NAME["TDH.MEM.RANGE.BLOCK"].number, lp=1, rcx=0x8000_5000, rdx=block["RDX"]))
    states = {e.gpa: e.state for e in peek_sept.entries(machine, peek_sept.guests(machine)[0]) if not e.level}
    assert states[0x8000_5000] == "BLOCKED"
    for leaf in ("TDH.MEM.RANGE.UNBLOCK", "TDH.MEM.PAGE.RELOCATE"):
        assert present.defaults(Questions(machine), BY_NAME[leaf], SECRET)["RCX"] == 0x8000_5000


@pytest.mark.parametrize("world", ["ci", "legacy"])
def test_every_leaf_has_operands_in_every_world(ready, world: str) -> None:
    ask = Questions(ready(world))
    for leaf in LEAVES:
        values = present.defaults(ask, leaf, SECRET)
        for operand in present.operands(leaf):
            assert 0 <= values[operand.register] <= U64
            assert isinstance(present.meaning(ask, operand, values[operand.register]), str)
            assert isinstance(present.meaning(ask, operand, U64), str)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x41 3000", 0x413000),
        ("4096", 4096),
        ("", 0),
        ("-1", U64),
        ("0xFFFF_FFFF_FFFF_FFFF", U64),
        ("0b101", 5),
    ],
)
def test_numbers_as_people_type_them(text: str, value: int) -> None:
    assert present.parse(text) == value
    assert present.parse(present.written(value)) == value


@pytest.mark.parametrize("text", ["page", "0x", "1" * 30, "0x1_0000_0000_0000_0000", "4.5", "0x41g"])
def test_what_is_no_number_is_told(text: str) -> None:
    assert isinstance(present.parse(text), str)


def test_values_are_explained(ready) -> None:
    ask = Questions(ready("ci"))
    tdr, free = present.Operand("RCX", "TDR", "tdr"), present.Operand("RCX", "free page PA", "free")
    assert present.meaning(ask, tdr, 0x60_0000) == "PT_TDR of TD-A"
    assert present.meaning(ask, free, 0x41_0000) == "PT_REG of TD-A"
    assert present.meaning(ask, free, 1 << 40) == "beyond memory"
    level = present.Operand("RCX", "GPA | level 0 or 1", "gpa_level")
    assert present.meaning(ask, level, 0x8000_0001) == "GPA 0x8000 0000, level 1 = 2 MiB"
