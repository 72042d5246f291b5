"""What each actor sees in each world: the same question as the act, without the act."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core import commands as c
from tdxviz.core import observe as o
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine
from tdxviz.core.units import LINE

SECRET = layout.hpa_of(layout.symbol("password"))
HOST_PAGE = layout.SOURCE_PAGES
EMPTY = 0x0500_0000
KINDS = {
    # (actor, what lies there): kind in legacy, li, ci
    ("guest", SECRET): ("readable", "readable", "readable"),
    ("host", SECRET): ("readable", "zeros", "zeros"),
    ("device", SECRET): ("readable", "zeros", "zeros"),
    ("probe", SECRET): ("readable", "noise", "noise"),
    ("guest", EMPTY): ("readable", "refused", "refused"),
    ("host", HOST_PAGE): ("readable", "readable", "readable"),
    ("device", HOST_PAGE): ("readable", "readable", "readable"),
    ("probe", HOST_PAGE): ("readable", "noise", "noise"),
    ("td-b", SECRET): ("refused", "refused", "refused"),
    ("host", -1): ("refused", "refused", "refused"),
    ("probe", 1 << 40): ("refused", "refused", "refused"),
}


@pytest.mark.parametrize("world", range(3), ids=("legacy", "li", "ci"))
@pytest.mark.parametrize(("actor", "hpa"), KINDS)
def test_who_sees_what(ready, world, actor, hpa):
    machine = ready(("legacy", "li", "ci")[world])
    before = machine.fingerprint()
    seen = o.observe(machine, actor, hpa, 32)
    assert seen.kind == KINDS[actor, hpa][world], seen.reason
    assert seen.reason
    assert (seen.data is None) == (seen.kind == "refused")
    assert machine.fingerprint() == before
    if seen.kind == "zeros":
        assert seen.data == bytes(32)


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
def test_the_guest_sees_its_password_and_nobody_else_in_a_td(ready, world):
    machine = ready(world)
    mine = o.observe(machine, "guest", SECRET, 16).data
    assert mine and any(mine)
    others = [o.observe(machine, a, SECRET, 16).data for a in ("host", "device", "probe")]
    assert [data == mine for data in others] == [world == "legacy"] * 3


@pytest.mark.parametrize("world", ["li", "ci"])
def test_damage_shows_before_anybody_steps_into_it(ready, world):
    machine = ready(world)
    mine = o.observe(machine, "guest", SECRET, 64).data
    machine.do(c.FlipBit(hpa=SECRET, bit=0))
    before = machine.fingerprint()
    seen = o.observe(machine, "guest", SECRET, 64)
    assert seen.kind == ("poison" if world == "ci" else "readable")
    assert seen.data != mine
    assert not machine.platform.memctl.probe(SECRET & -LINE).poison
    machine.do(c.FlipBit(hpa=SECRET, bit=0))
    machine.do(c.FlipBit(hpa=SECRET, field="owner"))
    assert o.observe(machine, "guest", SECRET, 64).kind == "poison"
    assert o.observe(machine, "host", SECRET, 64).kind == "readable"
    assert machine.fingerprint() != before


def test_a_dirty_line_in_the_cache_is_seen_by_its_keyid_only(ready):
    machine = ready("ci")
    machine.do(c.HostWrite(hpa=SECRET & -LINE, data=b"host was here"))
    assert o.observe(machine, "host", SECRET & -LINE, 13).data == b"host was here"
    assert o.observe(machine, "guest", SECRET & -LINE, 13).data != b"host was here"


def test_without_power_only_the_probe_sees(ready):
    machine = ready("ci")
    machine.do(c.DumpDimm(hpa=0))
    assert [o.observe(machine, a, SECRET, 8).kind for a in ("host", "device", "probe")] == [
        "refused",
        "refused",
        "noise",
    ]


def test_actors(ready):
    assert o.actors(ready("legacy")) == ("vm-a", "host", "device", "probe")
    assert o.actors(ready("ci")) == ("td-a", "host", "device", "probe")
    assert o.actors(Machine("ci")) == ("td-a", "host", "device", "probe")
    assert o.guest_keyid(ready("ci")) == layout.HKIDS[0]
    assert o.guest_keyid(ready("legacy")) == o.guest_keyid(Machine("ci")) == 0


MACHINES = {}


def known(world, ready_once):
    if world not in MACHINES:
        MACHINES[world] = ready_once(world)
    return MACHINES[world]


@pytest.fixture
def at_ready(ready):
    return lambda world: known(world, ready)


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
@pytest.mark.parametrize("how", ["host", "device", "probe"])
def test_observing_tells_what_the_act_then_gets(at_ready, world, how):
    original = at_ready(world)

    @settings(max_examples=40, deadline=None)
    @given(
        st.sampled_from([SECRET & -4096, HOST_PAGE, layout.TDR, EMPTY, layout.TABLES]), st.integers(0, 4000),
        st.integers(1, 90),
    )  # fmt: skip
    def check(page, skip, size):
        machine, at = original.copy(), page + skip
        size = min(size, 4096 - skip)
        seen = o.observe(machine, how, at, size)
        if how == "host":
            got = machine.do(c.HostRead(hpa=at, size=size))[-1].data
        elif how == "device":
            machine.do(c.DmaMap(iova=0, hpa=page))
            got = machine.do(c.DmaRead(iova=skip, size=size))[-1].data
        else:
            got = machine.do(c.DumpDimm(hpa=at, size=size))[-1].data
        assert got == seen.data

    check()
