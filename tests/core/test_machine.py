"""The machine: determinism, freezing in mid-command, independent copies, what is refused."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine

WORLDS = ("legacy", "li", "ci")
AT = layout.SOURCE_PAGES

STORIES = {
    "run": (c.RunGuest(steps=25),),
    "fast run": (c.RunGuest(steps=300, trace=False),),
    "host": (c.HostWrite(hpa=AT, data=b"abc"), c.HostRead(hpa=AT, size=128), c.FlushLine(hpa=AT)),
    "full line": (c.HostWrite(hpa=AT, data=bytes(256), how="full-line"),),
    "partial": (c.HostWrite(hpa=layout.PRIVATE, data=b"x", how="partial"), c.HostRead(hpa=layout.PRIVATE)),
    "dma": (c.DmaMap(iova=0, hpa=AT), c.DmaWrite(iova=5, data=bytes(100)), c.DmaRead(iova=0, size=200)),
    "probe": (c.BusCapture(hpa=layout.PRIVATE), c.FlipBit(hpa=layout.PRIVATE), c.BusInject(hpa=layout.PRIVATE)),
    "interrupt": (c.RaiseInterrupt(), c.RunGuest(steps=3), c.ReadHostRegisters()),
    "seamcall": (c.Seamcall(rax=9, lp=1, rcx=0x80_0000, rdx=0x22), c.Seamcall(rax=33, lp=2)),
    "poison met by the guest": (
        c.FlipBit(hpa=layout.PRIVATE, bit=3), c.EvictLine(hpa=layout.PRIVATE, keyid=0x21),
        c.EvictLine(hpa=layout.PRIVATE, keyid=0), c.RunGuest(steps=2000, trace=False),
    ),
    "privileged": (c.HostExec(insn="WBINVD"), c.HostExec(insn="INVD")),
    "reboot": (c.Reboot(), c.HostRead(hpa=AT), c.Reboot(spd_factor=2), c.Seamcall(rax=33)),
    "dump": (c.DumpDimm(hpa=layout.PRIVATE), c.HostRead(hpa=0), c.BusCapture(hpa=AT)),
    "vm": (c.VmCreate(vm=1, eptp=0x70_0000), c.VmMap(vm=1, gpa=0, hpa=0x71_0000, tables=0x72_0000), c.VmEnter(lp=1, vm=1)),
}  # fmt: skip


def tell(machine, story):
    return [machine.do(command) for command in story]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", STORIES)
def test_the_same_commands_give_the_same_events_and_fingerprint(ready, world, name):
    one, two = ready(world), ready(world)
    assert tell(one, STORIES[name]) == tell(two, STORIES[name])
    assert one.fingerprint() == two.fingerprint()


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", STORIES)
def test_copies_are_independent_both_ways(ready, world, name):
    original = ready(world)
    before, twin = original.fingerprint(), original.copy()
    assert twin.fingerprint() == before
    told = tell(twin, STORIES[name])
    assert original.fingerprint() == before
    after = twin.fingerprint()
    assert tell(original, STORIES[name]) == told  # nor does the copy's story disturb the original's
    assert twin.fingerprint() == after == original.fingerprint()


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", STORIES)
def test_stop_after_k_is_the_prefix_for_every_k(ready, world, name):
    machine = ready(world)
    for command in STORIES[name]:
        whole = machine.copy().do(command)
        for k in range(min(len(whole), 40) + 2):
            frozen = machine.copy()
            assert frozen.do(command, stop_after=k) == whole[:k]
            assert frozen.frozen == (k <= len(whole))
            assert not frozen.platform.trace
        machine.do(command)


def test_a_frozen_machine_cannot_go_on_and_its_copy_stays_frozen(ready):
    machine = ready("ci")
    machine.do(c.RunGuest(steps=5), stop_after=3)
    with pytest.raises(RuntimeError, match="frozen"):
        machine.do(c.HostRead(hpa=0))
    assert machine.copy().frozen
    untouched = ready("ci")
    before = untouched.fingerprint()
    untouched.do(c.RunGuest(steps=5), stop_after=0)
    assert untouched.fingerprint() == before


def test_freezing_gives_the_same_state_every_time(ready):
    for k in (1, 7, 12):
        one, two = ready("ci"), ready("ci")
        one.do(c.RunGuest(steps=5), stop_after=k)
        two.do(c.RunGuest(steps=5), stop_after=k)
        assert one.fingerprint() == two.fingerprint()


@pytest.mark.parametrize("world", WORLDS)
def test_the_seed_decides_the_keys(world):
    one, two, other = Machine(world, 7), Machine(world, 7), Machine(world, 8)
    assert one.fingerprint() == two.fingerprint() != other.fingerprint()
    for machine in (one, two, other):
        machine.do(c.HostWrite(hpa=0, data=b"x" * 64, how="full-line"))
    ciphers = [m.do(c.BusCapture(hpa=0))[0].cipher for m in (one, two, other)]
    assert ciphers[0] == ciphers[1]
    assert (ciphers[0] == ciphers[2]) == (world == "legacy")


def test_worlds_differ():
    assert len({Machine(world).fingerprint() for world in WORLDS}) == 3


REFUSED = {
    "no such processor": c.RunGuest(lp=4),
    "negative processor": c.Seamcall(rax=0, lp=-1),
    "nobody entered": c.RunGuest(lp=3),
    "registers in use": c.ReadHostRegisters(lp=0),
    "seamcall from a guest": c.Seamcall(rax=33, lp=0),
    "inject without capture": c.BusInject(hpa=AT + 64),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_commands_say_why_and_change_nothing(ready, name):
    machine = ready("ci")
    before = machine.fingerprint()
    (event,) = machine.do(REFUSED[name])
    assert isinstance(event, e.CommandRefused)
    assert event.command == type(REFUSED[name]).__name__
    assert len(event.reason) > 10
    assert machine.fingerprint() == before


@pytest.mark.parametrize("world", WORLDS)
def test_a_machine_without_power_only_lets_itself_be_probed(ready, world):
    machine = ready(world)
    machine.do(c.DumpDimm(hpa=0))
    commands = [s for story in STORIES.values() for s in story if not isinstance(s, c.BusCapture | c.Reboot)]
    before = machine.fingerprint()
    for command in commands:
        (event,) = machine.do(command)
        assert isinstance(event, e.CommandRefused)
        assert "switched off" in event.reason
    assert machine.fingerprint() == before
    assert isinstance(machine.do(c.BusCapture(hpa=layout.PRIVATE))[0], e.BusCaptured)


def test_every_event_of_every_story_survives_json(ready):
    from tdxviz.core import codec

    for world in WORLDS:
        for story in STORIES.values():
            machine = ready(world)
            for command in story:
                assert codec.decode_command(codec.encode(command)) == command
                for event in machine.do(command):
                    assert codec.decode_event(codec.encode(event)) == event


@pytest.mark.parametrize("size", [0, 1 << 20, (1 << 30) + 4096, 1 << 50, -(1 << 30)])
def test_a_size_that_no_machine_has_is_refused_in_words(size):
    with pytest.raises(TdxvizError, match="whole GiB"):
        Machine("ci", size=size)


def test_a_larger_machine_reaches_further_and_is_another_machine():
    small, large = Machine("li"), Machine("li", size=2 << 30)
    assert small.fingerprint() != large.fingerprint()
    write = c.HostWrite(hpa=(2 << 30) - 64, data=bytes(range(64)), how="full-line")
    assert isinstance(small.do(write)[0], e.CommandRefused)
    assert isinstance(large.do(write)[-1], e.HostStored)
    assert large.copy().fingerprint() == large.fingerprint()
