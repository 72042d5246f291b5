"""The metadata browser says of every field what TDH.MNG.RD and TDH.VP.RD say."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.events import LeafReturned
from tdxviz.core.tdx import td_params
from tdxviz.ui.present import metadata as present
from tdxviz.ui.present.questions import Questions

SECRET = 0x413540


def read(machine, leaf: str, page: int, field: int) -> LeafReturned:
    events = machine.copy().do(c.Seamcall(rax=BY_NAME[leaf].number, lp=0, rcx=page, rdx=field))
    return next(e for e in events if isinstance(e, LeafReturned))


@pytest.fixture
def exited(ready):
    """A machine whose vCPU has left the guest, so that the host may ask for its fields."""
    machine = ready("ci")
    machine.do(c.RaiseInterrupt(lp=0))
    machine.do(c.RunGuest(lp=0, steps=5))
    return machine


@pytest.mark.parametrize(
    ("group", "leaf"), [("td", "TDH.MNG.RD"), ("vcpu", "TDH.VP.RD"), ("vmcs", "TDH.VP.RD")]
)
def test_what_is_shown_is_what_the_leaf_answers(exited, group: str, leaf: str) -> None:
    ask = Questions(exited)
    page = present.chosen(ask, group, "", SECRET)[1]
    made = present.table(ask, group, "", SECRET)
    assert made.problem == ""
    checked = 0
    for row in made.rows:
        field, _ = md.find(present.BY_NAME[group].context, row.id)
        event = read(exited, leaf, page, row.id)
        assert row.given == (not event.status & s.ERROR), row.name
        if row.given and field.elements == 1:
            assert int(row.value, 16) == event.outputs["R8"], row.name
            checked += 1
    assert checked > 3


def test_a_debug_td_shows_its_registers(exited) -> None:
    machine = exited
    before = {row.name: row for row in present.table(Questions(machine), "vcpu", "", SECRET).rows}
    assert not before["RAX"].given
    assert (before["RAX"].host, before["RAX"].debug) == ("", "rw")
    from tdxviz.core.tdx.structs import Td

    td = Td(machine.platform, machine.module, 0x60_0000)
    td.tdcs["ATTRIBUTES"] = td.tdcs["ATTRIBUTES"] | td_params.DEBUG
    made = present.table(Questions(machine), "vcpu", "", SECRET)
    assert made.debug
    after = {row.name: row for row in made.rows}
    assert after["RAX"].given
    assert "debug TD" in present.describe(made)


def test_asking_disturbs_nothing(ready) -> None:
    machine = ready("ci")
    before = machine.fingerprint()
    for group in present.BY_NAME:
        present.table(Questions(machine), group, "", SECRET)
    assert machine.fingerprint() == before


def test_fields_lie_where_their_structures_are(ready) -> None:
    made = {row.name: row for row in present.table(Questions(ready("ci")), "td", "", SECRET).rows}
    assert made["LIFECYCLE_STATE"].hpa & -4096 == 0x60_0000
    assert made["OP_STATE"].hpa & -4096 == 0x60_1000
    assert (made["OP_STATE"].meaning, made["LIFECYCLE_STATE"].meaning) == ("RUNNABLE", "TD_KEYS_CONFIGURED")
    assert made["TDCX_PA[3]"].value.endswith("604000")


def test_a_running_vcpu_is_told(ready) -> None:
    assert "TDH.VP.RD is refused" in present.table(Questions(ready("ci")), "vcpu", "", SECRET).problem


def test_a_damaged_page_raises_nothing(ready) -> None:
    machine = ready("ci")
    machine.platform.cache.clear()
    machine.do(c.FlipBit(hpa=0x60_1000, bit=3))
    made = present.table(Questions(machine), "td", "", SECRET)
    assert any(row.value == "" for row in made.rows) or made.problem


def test_every_field_of_the_table_is_shown_once() -> None:
    shown = [field.id for group in ("td", "vcpu", "vmcs", "sys") for field in present.fields(group)]
    assert sorted(shown) == sorted(field.id for field in md.FIELDS)


def test_the_legacy_world_has_none(ready) -> None:
    made = present.table(Questions(ready("legacy")), "td", "", SECRET)
    assert made.rows == ()
    assert "no TDX module" in present.describe(made)
