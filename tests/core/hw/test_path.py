"""The way of one access: order of events, TLB use, what a failure leaves behind, line crossings."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.faults import EptViolation, GuestFault, MachineCheck
from tdxviz.core.hw import path, physical
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import LINE, PAGE, U64, with_keyid
from tests.core.hw.kit import BASE, PAGES, POOL, RAM, flat, put


def traced(p):
    news = []
    p.listen(news.append)
    p.trace = True
    return news


def kinds(news):
    return [type(n).__name__ for n in news]


def test_the_first_load_walks_fills_and_fetches():
    p, lp, ctx = flat()
    news = traced(p)
    assert path.load(p, lp, ctx, BASE + 8, 8) == bytes(8)
    assert kinds(news) == [
        "AccessBegan", "TlbMissed", "TableRead", "TableRead", "TableRead", "TableRead", "TlbFilled",
        "CacheMissed", "LineFetched", "LineDecrypted", "LineFilled", "MemoryLoaded",
    ]  # fmt: skip
    assert (news[-1].gla, news[-1].gpa, news[-1].hpa, news[-1].kind) == (BASE + 8, BASE + 8, RAM + 8, "load")


def test_the_second_load_hits_tlb_and_cache():
    p, lp, ctx = flat()
    path.load(p, lp, ctx, BASE, 8)
    news = traced(p)
    path.load(p, lp, ctx, BASE + 16, 8)
    assert kinds(news) == ["AccessBegan", "TlbHit", "CacheHit", "MemoryLoaded"]


def test_a_store_changes_the_cache_and_not_memory():
    p, lp, ctx = flat()
    news = traced(p)
    path.store(p, lp, ctx, BASE + 4, b"\xaa\xbb")
    assert kinds(news)[-1] == "MemoryStored"
    assert p.cache.lines[RAM].dirty
    assert p.memctl.probe(RAM).data == bytes(LINE)
    assert physical.evict(p, RAM, 0, "test")
    assert p.memctl.probe(RAM).data[4:6] == b"\xaa\xbb"
    assert not physical.evict(p, RAM, 0, "test")


@pytest.mark.parametrize("at", [BASE + LINE - 3, BASE + PAGE - 3])
def test_an_access_across_a_line_or_page_is_one_access_in_two_pieces(at):
    p, lp, ctx = flat()
    path.store(p, lp, ctx, at, bytes(range(1, 9)))
    news = traced(p)
    assert path.load(p, lp, ctx, at, 8) == bytes(range(1, 9))
    loads = [n for n in news if isinstance(n, e.MemoryLoaded)]
    assert [n.data for n in loads] == [b"\x01\x02\x03", b"\x04\x05\x06\x07\x08"]
    assert sum(isinstance(n, e.AccessBegan) for n in news) == 1


@pytest.mark.parametrize("gla", [BASE + PAGES * PAGE - 4, BASE + PAGES * PAGE])
def test_a_store_that_fails_stores_nothing(gla):
    p, lp, ctx = flat()
    path.load(p, lp, ctx, BASE + (PAGES - 1) * PAGE, 8)
    path.load(p, lp, ctx, BASE + PAGES * PAGE - 8, 8)
    before = dict(p.cache.lines)
    with pytest.raises(EptViolation) as caught:
        path.store(p, lp, ctx, gla, b"\xff" * 8)
    assert caught.value.gpa == caught.value.gla == BASE + PAGES * PAGE
    assert caught.value.access == "store"
    changed = {tag for tag, line in p.cache.lines.items() if line.dirty and before.get(tag) != line}
    assert changed == set()


def test_probe_store_finds_the_same_fault_and_writes_nothing():
    p, lp, ctx = flat()
    path.probe_store(p, lp, ctx, BASE, 8)
    assert not p.cache.lines[RAM].dirty
    with pytest.raises(EptViolation):
        path.probe_store(p, lp, ctx, BASE + PAGES * PAGE - 4, 8)


def test_a_page_without_the_right_in_the_ept_is_a_violation_not_a_guest_fault():
    p, lp, ctx = flat()
    put(p, POOL + 2 * PAGE, RAM | 5)
    assert path.load(p, lp, ctx, BASE, 1) == b"\x00"
    with pytest.raises(EptViolation) as caught:
        path.store(p, lp, ctx, BASE, b"\x01")
    assert caught.value.state == "NO PERMISSION"
    assert path.fetch(p, lp, ctx, BASE, 1) == b"\x00"


def test_the_tlb_is_not_coherent_with_the_tables():
    p, lp, ctx = flat()
    path.load(p, lp, ctx, BASE, 8)
    put(p, POOL + 2 * PAGE, 0)
    assert path.load(p, lp, ctx, BASE, 8) == bytes(8)
    lp.tlb.flush()
    with pytest.raises(EptViolation):
        path.load(p, lp, ctx, BASE, 8)


def test_traced_and_fast_loads_agree():
    for trace in (True, False):
        p, lp, ctx = flat()
        path.store(p, lp, ctx, BASE, bytes(range(64)))
        p.trace = trace
        assert [path.load(p, lp, ctx, BASE + n, 8) for n in range(56)] == [
            bytes(range(n, n + 8)) for n in range(56)
        ]


def test_poison_is_a_machine_check_and_fills_nothing():
    p, lp, ctx = flat("ci")
    p.memctl.poison(RAM, 0)
    with pytest.raises(MachineCheck) as caught:
        path.load(p, lp, ctx, BASE, 8)
    assert (caught.value.hpa, caught.value.keyid) == (RAM, 0)
    assert p.cache.lookup(RAM, 0) is None


def test_a_shared_gpa_of_a_td_goes_through_the_hosts_ept():
    p, lp, ctx = flat("ci")
    ctx.walk_sept, ctx.gpaw_shared_bit, ctx.hkid = True, 47, 33
    assert path.load(p, lp, ctx, BASE | 1 << 47, 8) == bytes(8)
    entry = lp.tlb.entries()[-1]
    assert (entry.shared, entry.keyid, entry.hpa) == (True, 0, RAM)
    ctx.ept_root = 0
    with pytest.raises(EptViolation) as caught:
        path.load(p, lp, ctx, BASE + PAGE | 1 << 47, 8)
    assert caught.value.state == "NOT PRESENT"


def test_a_gpa_beyond_the_width_is_a_reserved_bit_fault():
    p, lp, ctx = flat("ci")
    ctx.walk_sept, ctx.gpaw_shared_bit = True, 47
    with pytest.raises(GuestFault) as caught:
        path.load(p, lp, ctx, 1 << 48, 1)
    assert (caught.value.vector, caught.value.error) == (14, 9)


def test_the_cache_writes_back_what_it_drives_out():
    p, lp, ctx = flat()
    path.store(p, lp, ctx, BASE, b"keep")
    for n in range(1, 9):
        physical.read_physical(p, RAM + n * 256 * LINE, 0, 1)
    assert p.cache.lookup(RAM, 0) is None
    assert p.memctl.probe(RAM).data[:4] == b"keep"


@pytest.mark.parametrize("size", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("skip", [0, 1, 60])
def test_physical_round_trip(size, skip):
    p = Platform.fresh("ci", 7)
    data = bytes(n % 251 for n in range(size))
    physical.write_physical(p, RAM + skip, 0, data)
    assert physical.read_physical(p, RAM + skip, 0, size) == data
    assert physical.read_physical(p, RAM + skip + size, 0, 8) == bytes(8)


def test_a_direct_line_goes_past_the_cache_and_drops_only_its_own_alias():
    p = Platform.fresh("ci", 7)
    p.keys.program(33, p.drbg)
    physical.write_physical(p, RAM, 0, b"old")
    physical.write_line_direct(p, RAM, 33, b"x" * LINE)
    assert with_keyid(RAM, 33) not in p.cache.lines
    assert RAM in p.cache.lines  # R7: the other alias stays, dirty
    assert p.memctl.probe(RAM).owner
    physical.write_page_direct(p, RAM, 33, bytes(PAGE))
    assert all(p.memctl.probe(RAM + n).owner for n in range(0, PAGE, LINE))


def test_addresses_wrap_at_the_top():
    assert path._pieces(U64 - 1, 4) == [(U64 - 1, 2), (0, 2)]


def test_a_td_fetches_no_code_from_shared_memory():
    from tdxviz.core import events as e
    from tdxviz.session.actions import Action
    from tdxviz.session.session import Session

    session = Session("ci", 7, "guest:leap")
    session.act(Action("resume", {"until": "away"}))
    session.act(Action("resume", {"steps": 2}))
    faults = [event for event in session.events if isinstance(event, e.ExceptionDelivered)]
    assert [(fault.vector, fault.error) for fault in faults] == [(14, path.FETCH_FROM_SHARED)]
    assert session.machine.platform.lps[0].cpu.cr2 == 0x1_0020_0000
