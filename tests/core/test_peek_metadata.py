"""What the metadata browser shows is what the leaves would answer, and looking disturbs nothing."""

import pytest

from tdxviz.core import peek_metadata
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine
from tests.core.tdx import kit


@pytest.fixture(scope="module")
def built():
    return kit.before("TDH.MR.FINALIZE")


def test_values_and_rights_are_those_of_the_leaves(built):
    machine = built.copy()
    for rows, leaf, page in (
        (peek_metadata.of_td(machine), "TDH.MNG.RD", layout.TDR),
        (peek_metadata.of_vcpu(machine), "TDH.VP.RD", layout.TDVPR),
        (peek_metadata.of_module(machine), "TDH.SYS.RD", 0),
    ):
        for row in rows:
            returned = kit.answer(kit.seamcall(machine, leaf, rcx=page, rdx=row.id))
            assert bool(returned.status) != bool(row.host), row.name
            if row.host:
                assert returned.outputs["R8"] == row.value & row.host, row.name


def test_a_debug_td_shows_the_host_more(built):
    machine = built.copy()
    kit.tdcs_field("ATTRIBUTES", 1)(machine)
    assert peek_metadata.debug(machine, "td-a") and not peek_metadata.debug(built, "td-a")
    shown = {row.name for row in peek_metadata.of_vcpu(machine) if row.host}
    hidden = {row.name for row in peek_metadata.of_vcpu(built) if not row.host}
    assert {"RAX", "Guest RIP", "CR2"} <= shown & hidden


def test_looking_disturbs_nothing(built):
    machine = built.copy()
    before = machine.fingerprint()
    peek_metadata.of_td(machine)
    peek_metadata.of_vcpu(machine)
    assert machine.fingerprint() == before


def test_damage_shows_as_no_value():
    machine = kit.before("TDH.MR.FINALIZE")
    machine.platform.cache.clear()
    machine.platform.memctl.poison(layout.TDCX, 0)
    values = {row.name: row.value for row in peek_metadata.of_td(machine)}
    assert values["OP_STATE"] is None and values["HKID"] == layout.HKIDS[0]


@pytest.mark.parametrize(("actor", "number"), [("td-z", 0), ("td-a", 5)])
def test_what_is_not_there_is_a_slip(built, actor, number):
    with pytest.raises(TdxvizError):
        peek_metadata.of_vcpu(built, actor, number)
    with pytest.raises(TdxvizError):
        peek_metadata.of_module(Machine("legacy"))
