"""The end of a TD, and the next life of its HKID."""

import pytest

from tdxviz.core.commands import Seamcall
from tdxviz.core.drive import drive
from tdxviz.core.events import LeafReturned, LineCleaned
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import programs
from tdxviz.core.host import boot, layout, memory, run, teardown
from tdxviz.core.observe import observe
from tdxviz.core.units import PAGE
from tests.core.tdx import kit

SECRET = layout.hpa_of(layout.symbol("password"))


def names(events) -> list[str]:
    return [e.name.removeprefix("TDH.") for e in events if isinstance(e, LeafReturned)]


@pytest.fixture(scope="module")
def ended():
    machine = kit.before("running")
    events, _ = drive(machine, teardown.tear_down(machine))
    return machine, events


def test_the_hkid_is_released_before_any_page_comes_back(ended):
    machine, events = ended
    order = names(events)
    first = order.index("PHYMEM.PAGE.RECLAIM")
    assert order[:first] == [
        "VP.ENTER", "VP.FLUSH", "MNG.VPFLUSHDONE", "PHYMEM.CACHE.WB", "PHYMEM.CACHE.WB", "MNG.KEY.FREEID",
    ]  # fmt: skip
    assert set(order[first:]) == {"PHYMEM.PAGE.RECLAIM"}
    assert machine.module.kot[layout.HKIDS[0]].state == "HKID_FREE"
    assert not machine.module.pamt
    with pytest.raises(TdxvizError, match="no TD lives"):
        memory.domain(machine)


def test_dirty_lines_reach_memory_by_the_package_that_wrote_them(ended):
    _, events = ended
    cleaned = [e for e in events if isinstance(e, LineCleaned)]
    assert cleaned
    calls = [e.lp for e in events if isinstance(e, LeafReturned) and e.name == "TDH.PHYMEM.CACHE.WB"]
    assert len(calls) == 2


def test_the_host_finds_nothing_of_the_guest(ended):
    machine, _ = ended
    seen = observe(machine, "host", SECRET, PAGE - SECRET % PAGE)
    assert seen.data == bytes(len(seen.data))


def test_the_next_td_gets_the_same_hkid_and_pages_but_another_key_and_name(ended):
    machine = ended[0].copy()
    old = ended[0].platform.keys.key(layout.HKIDS[0]).fingerprint
    drive(machine, boot.build_td(programs.load("vault")))
    drive(machine, run.resume(machine, steps=60_000, until=layout.symbol("ready"), trace=False))
    assert memory.domain(machine).actor == "td-b"
    assert memory.domain(machine).hkid == layout.HKIDS[0]
    assert machine.platform.keys.key(layout.HKIDS[0]).fingerprint != old
    assert observe(machine, "guest", SECRET, 8).kind == "readable"


def test_skipping_a_package_keeps_the_hkid():
    machine = kit.before("running")
    td = memory.domain(machine)
    drive(machine, memory.kick(machine))
    drive(machine, teardown.flush_vcpus(machine, td))
    lp = memory.free_lp(machine)
    assert kit.answer(kit.seamcall(machine, "TDH.MNG.VPFLUSHDONE", rcx=td.tdr, lp=lp)).status == 0
    assert kit.answer(kit.seamcall(machine, "TDH.PHYMEM.CACHE.WB", lp=0)).status == 0
    refused = kit.answer(kit.seamcall(machine, "TDH.MNG.KEY.FREEID", rcx=td.tdr, lp=lp))
    assert "packages [1]" in refused.reason
    assert machine.module.kot[td.hkid].wbinvd == 0b10


def test_an_interrupted_write_back_is_resumed_where_it_stopped():
    machine = kit.before("running")
    td = memory.domain(machine)
    drive(machine, memory.kick(machine))
    drive(machine, teardown.flush_vcpus(machine, td))
    kit.seamcall(machine, "TDH.MNG.VPFLUSHDONE", rcx=td.tdr, lp=1)
    from tdxviz.core.commands import Proceed, RaiseInterrupt

    machine.do(Seamcall(rax=40, lp=0, hold=99))
    machine.do(RaiseInterrupt(lp=0))
    first = machine.do(Proceed(lp=0))
    assert kit.answer(first).status == 0x8000_0003_0000_0000
    assert machine.module.write_backs[0].block == 1
    second = kit.seamcall(machine, "TDH.PHYMEM.CACHE.WB", rcx=1, lp=0)
    assert kit.answer(second).status == 0
    assert machine.module.kot[td.hkid].wbinvd == 0b10
    assert machine.module.write_backs == {}
