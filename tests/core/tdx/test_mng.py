"""The life of an HKID: assigned, flushed, free again; names and keys of the TDs that come after."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import status as s
from tdxviz.core.host import layout
from tdxviz.core.tdx import dispatch
from tests.core.tdx import checks_mng, kit

HKID = layout.HKIDS[0]


def call(machine, leaf, **regs) -> str:
    return s.name_of(kit.answer(kit.seamcall(machine, leaf, **regs)).status)


@pytest.fixture(scope="module")
def built():
    return kit.before("TDH.MR.FINALIZE")


def test_the_way_down_in_its_only_order(built):
    machine = built.copy()
    kot = machine.module.kot
    assert call(machine, "TDH.MNG.VPFLUSHDONE", rcx=layout.TDR) == "TDX_FLUSHVP_NOT_DONE"
    assert call(machine, "TDH.MNG.KEY.FREEID", rcx=layout.TDR) == "TDX_LIFECYCLE_STATE_INCORRECT"
    assert call(machine, "TDH.VP.FLUSH", rcx=layout.TDVPR) == "TDX_SUCCESS"
    events = kit.seamcall(machine, "TDH.MNG.VPFLUSHDONE", rcx=layout.TDR)
    changes = [n for n in events if isinstance(n, e.KotChanged | e.LifecycleChanged)]
    assert [(n.before, n.after) for n in changes] == [
        ("HKID_ASSIGNED", "HKID_FLUSHED"),
        ("TD_KEYS_CONFIGURED", "TD_BLOCKED"),
    ]
    assert kot[HKID] == ("HKID_FLUSHED", 0b11)  # both packages still have to write back
    assert call(machine, "TDH.MNG.KEY.FREEID", rcx=layout.TDR) == "TDX_WBCACHE_NOT_COMPLETE"
    assert call(machine, "TDH.PHYMEM.CACHE.WB", lp=1) == "TDX_SUCCESS"  # package 0
    assert call(machine, "TDH.MNG.KEY.FREEID", rcx=layout.TDR) == "TDX_WBCACHE_NOT_COMPLETE"
    assert call(machine, "TDH.PHYMEM.CACHE.WB", lp=2) == "TDX_SUCCESS"  # package 1
    assert call(machine, "TDH.MNG.KEY.FREEID", rcx=layout.TDR) == "TDX_SUCCESS"
    assert (kot[HKID], kit.td(machine).lifecycle) == (("HKID_FREE", 0), "TD_TEARDOWN")
    pages = [hpa for hpa, entry in machine.module.pamt.items() if entry.owner == layout.TDR]
    assert call(machine, "TDH.PHYMEM.PAGE.RECLAIM", rcx=layout.TDR) == "TDX_TD_ASSOCIATED_PAGES_EXIST"
    for page in (*pages, layout.TDR):
        assert call(machine, "TDH.PHYMEM.PAGE.RECLAIM", rcx=page) == "TDX_SUCCESS"
    assert not machine.module.pamt


def test_an_hkid_is_not_given_twice_before_it_is_free(built):
    machine = built.copy()
    again = {"rcx": kit.FREE_PAGE, "rdx": HKID}
    assert call(machine, "TDH.MNG.CREATE", **again) == "TDX_HKID_NOT_FREE"
    call(machine, "TDH.VP.FLUSH", rcx=layout.TDVPR)
    call(machine, "TDH.MNG.VPFLUSHDONE", rcx=layout.TDR)
    assert call(machine, "TDH.MNG.CREATE", **again) == "TDX_HKID_NOT_FREE"
    checks_mng.written_back(machine)
    call(machine, "TDH.MNG.KEY.FREEID", rcx=layout.TDR)
    old = machine.platform.keys.key(HKID)
    assert call(machine, "TDH.MNG.CREATE", **again) == "TDX_SUCCESS"
    assert call(machine, "TDH.MNG.KEY.CONFIG", rcx=kit.FREE_PAGE) == "TDX_SUCCESS"
    assert machine.platform.keys.key(HKID) not in (None, old)
    assert machine.module.actors[kit.FREE_PAGE] == "td-b"


def test_a_fatal_td_can_be_torn_down(built):
    machine = built.copy()
    kit.tdr_field("FATAL", 1)(machine)
    assert call(machine, "TDH.VP.FLUSH", rcx=layout.TDVPR) == "TDX_SUCCESS"
    assert call(machine, "TDH.MNG.VPFLUSHDONE", rcx=layout.TDR) == "TDX_SUCCESS"
    checks_mng.written_back(machine)
    assert call(machine, "TDH.MNG.KEY.FREEID", rcx=layout.TDR) == "TDX_SUCCESS"


def test_vpflushdone_before_any_key_or_tdcs_exists():
    machine = kit.before("TDH.MNG.KEY.CONFIG")
    assert call(machine, "TDH.MNG.VPFLUSHDONE", rcx=layout.TDR) == "TDX_SUCCESS"
    assert kit.td(machine).lifecycle == "TD_BLOCKED"


def test_the_deprecated_leaf_succeeds_whatever_it_is_told(built):
    machine = built.copy()
    before = kit.essence(machine)
    assert call(machine, "TDH.MNG.KEY.RECLAIMID", rcx=(1 << 64) - 1) == "TDX_SUCCESS"
    assert kit.essence(machine) == before


def torn_down(machine, *, reused: bool) -> None:
    """The key is gone; with ``reused`` another TD has it now."""
    call(machine, "TDH.VP.FLUSH", rcx=layout.TDVPR)
    call(machine, "TDH.MNG.VPFLUSHDONE", rcx=layout.TDR)
    for lp in (0, 2):
        call(machine, "TDH.PHYMEM.CACHE.WB", lp=lp)
    assert call(machine, "TDH.MNG.KEY.FREEID", rcx=layout.TDR) == "TDX_SUCCESS"
    if reused:
        assert call(machine, "TDH.MNG.CREATE", rcx=kit.FREE_PAGE, rdx=HKID) == "TDX_SUCCESS"
        for lp in (0, 2):
            call(machine, "TDH.MNG.KEY.CONFIG", rcx=kit.FREE_PAGE, lp=lp)


LIVES = {
    "fatal": kit.tdr_field("FATAL", 1),
    "blocked": lambda machine: [machine.do(kit.valid("TDH.VP.FLUSH")), kit.first("TDH.MNG.VPFLUSHDONE", rcx=layout.TDR)(machine)],
    "torn down": lambda machine: torn_down(machine, reused=False),
    "key reused": lambda machine: torn_down(machine, reused=True),
}  # fmt: skip


@pytest.mark.parametrize("life", LIVES)
def test_no_leaf_touches_memory_whose_key_is_gone(built, life):
    machine = built.copy()
    LIVES[life](machine)
    for leaf in dispatch.BODIES:
        twin = machine.copy()
        events = twin.do(kit.valid(leaf))
        assert isinstance(events[-1], e.LeafReturned), (leaf, events)
        assert not twin.module.dead


def test_the_tds_counter_is_laid_down_when_the_td_is_made():
    machine = kit.before("TDH.MNG.INIT")
    machine.platform.lps[3].retired = 1000
    kit.host_bytes(layout.TD_PARAMS + 40, (50).to_bytes(2, "little"))(machine)
    assert kit.answer(machine.do(kit.valid("TDH.MNG.INIT"))).status == 0
    told = [
        kit.answer(kit.seamcall(machine, "TDH.MNG.RD", rcx=layout.TDR, rdx=field)).outputs["R8"]
        for field in (0x111000030000000A, 0x111000030000000B, 0x8210000100000000, 0x8210000300000001)
    ]
    assert told == [(1 << 64) - 500, 1 << 47, 0, 0]
