"""Host software, devices and probes: R1 to R4, R7, R9, R11, and what is refused."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.hw import physical
from tdxviz.core.machine import Machine
from tdxviz.core.units import LINE, MIB, PAGE

AT = 0x30_0000
MINE = 33
DATA = bytes(range(1, LINE + 1))


def machine(world="ci") -> Machine:
    m = Machine(world)
    if world != "legacy":
        m.platform.keys.program(MINE, m.platform.drbg)
        m.platform.keys.program(MINE + 1, m.platform.drbg)
    return m


def owned(world="ci") -> Machine:
    """A machine whose line AT belongs to a TD and lies in memory."""
    m = machine(world)
    m.platform.memctl.write_line(AT, MINE, DATA)
    return m


def last(m, command):
    return m.do(command)[-1]


def refused(m, command) -> str:
    before = m.fingerprint()
    (event,) = m.do(command)
    assert isinstance(event, e.CommandRefused)
    assert m.fingerprint() == before
    return event.reason


# --- host -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
@pytest.mark.parametrize("how", ["ordinary", "full-line", "partial"])
def test_the_host_reads_back_what_it_wrote(world, how):
    m = machine(world)
    stored = last(m, c.HostWrite(hpa=AT, data=DATA, how=how))
    assert (type(stored), stored.how) == (e.HostStored, how)
    loaded = last(m, c.HostRead(hpa=AT, size=LINE))
    assert loaded.data == DATA
    assert loaded.rule == ("plain" if world == "legacy" else "decrypted")


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
@pytest.mark.parametrize("command", [
    c.HostRead(hpa=AT, keyid=MINE), c.HostWrite(hpa=AT, keyid=16, data=b"x"), c.FlushLine(hpa=AT, keyid=63),
])  # fmt: skip
def test_r9_a_private_keyid_in_the_hosts_page_table_is_a_reserved_bit_fault(world, command):
    m = machine(world)
    before = m.fingerprint()
    (event,) = m.do(command)
    assert (event.fault, event.keyid) == ("#PF", command.keyid)
    assert "RSVD" in event.detail
    assert m.fingerprint() == before


@pytest.mark.parametrize("world", ["li", "ci"])
def test_r3_the_host_sees_zeros_and_nobody_is_hurt(world):
    m = owned(world)
    loaded = last(m, c.HostRead(hpa=AT, size=LINE))
    assert (loaded.data, loaded.rule) == (bytes(LINE), "owned-zeros")
    assert m.platform.memctl.read_line(AT, MINE).data == DATA


@pytest.mark.parametrize("world", ["li", "ci"])
def test_r1_an_ordinary_store_ends_as_a_shared_line_of_zeros(world):
    m = owned(world)
    m.do(c.HostWrite(hpa=AT + 8, data=b"\xff" * 8))
    assert m.platform.memctl.probe(AT).owner  # still in the cache
    m.do(c.FlushLine(hpa=AT))
    assert not m.platform.memctl.probe(AT).owner
    assert last(m, c.HostRead(hpa=AT, size=LINE)).data == bytes(8) + b"\xff" * 8 + bytes(48)
    assert m.platform.memctl.read_line(AT, MINE).rule == "owner-mismatch"


@pytest.mark.parametrize("world", ["li", "ci"])
def test_a_partial_write_to_an_owned_line_poisons_and_the_next_reader_pays(world):
    m = owned(world)
    events = m.do(c.HostWrite(hpa=AT + 8, data=b"\xff" * 8, how="partial"))
    assert [type(n) for n in events] == [e.LinePoisoned, e.HostStored]
    events = m.do(c.HostRead(hpa=AT, size=8))
    assert [type(n) for n in events][-2:] == [e.MachineCheckRaised, e.HostFaulted]
    assert (events[-2].context, events[-1].fault) == ("host", "#MC")
    m.do(c.HostWrite(hpa=AT, data=DATA, how="full-line"))  # R4: a full line clears it
    assert last(m, c.HostRead(hpa=AT, size=LINE)).data == DATA


def test_a_partial_write_to_a_shared_line_merges():
    m = machine()
    m.do(c.HostWrite(hpa=AT, data=DATA * 2))
    m.do(c.HostWrite(hpa=AT + 60, data=b"\xff" * 8, how="partial"))
    whole = DATA * 2
    assert last(m, c.HostRead(hpa=AT, size=128)).data == whole[:60] + b"\xff" * 8 + whole[68:]


def test_a_partial_write_to_poison_is_the_hosts_machine_check():
    m = machine()
    m.platform.memctl.poison(AT, 0)
    assert last(m, c.HostWrite(hpa=AT, data=b"x", how="partial")).fault == "#MC"
    assert last(m, c.HostWrite(hpa=AT, data=b"x")).fault == "#MC"


def test_r7_aliases_are_not_coherent():
    m = owned()
    physical.write_physical(m.platform, AT, MINE, b"td")  # private and dirty in the cache
    m.do(c.HostWrite(hpa=AT, data=DATA[::-1]))  # shared and dirty: another line of the cache
    assert physical.read_physical(m.platform, AT, MINE, LINE) == b"td" + DATA[2:]
    assert last(m, c.HostRead(hpa=AT, size=LINE)).data == DATA[::-1]
    m.do(c.EvictLine(hpa=AT, keyid=0))
    assert not m.platform.memctl.probe(AT).owner
    m.do(c.EvictLine(hpa=AT, keyid=MINE))
    assert m.platform.memctl.read_line(AT, MINE).data[:2] == b"td"  # whoever is written back last wins


def test_flush_and_evict_of_what_is_not_cached_say_nothing():
    m = machine()
    assert m.do(c.FlushLine(hpa=AT)) == ()
    assert m.do(c.EvictLine(hpa=AT + 5, keyid=MINE)) == ()


def test_flush_drops_only_the_hosts_own_alias():
    m = machine()
    m.do(c.HostRead(hpa=AT + 3, size=1, keyid=5))
    m.do(c.HostRead(hpa=AT, size=1))
    (event,) = (n for n in m.do(c.FlushLine(hpa=AT + 9)) if isinstance(n, e.LineEvicted))
    assert (event.hpa, event.keyid, event.dirty) == (AT, 0, False)
    assert m.platform.cache.lookup(AT, 5) is not None


SIZE = 256 * MIB


@pytest.mark.parametrize("command", [
    c.HostRead(hpa=-1), c.HostRead(hpa=SIZE), c.HostRead(hpa=SIZE - 8, size=16), c.HostRead(hpa=0, size=0),
    c.HostRead(hpa=0, size=2 * MIB), c.HostRead(hpa=0, keyid=64), c.HostRead(hpa=0, keyid=-1),
    c.HostRead(hpa=0, size=-5), c.HostWrite(hpa=0, data=b""), c.HostWrite(hpa=SIZE - 1, data=b"xy"),
    c.HostWrite(hpa=8, data=DATA, how="full-line"), c.HostWrite(hpa=0, data=b"x", how="full-line"),
    c.FlushLine(hpa=SIZE), c.EvictLine(hpa=0, keyid=99), c.EvictLine(hpa=2**70, keyid=0),
    c.DmaMap(iova=1, hpa=0), c.DmaMap(iova=0, hpa=1), c.DmaMap(iova=0, hpa=SIZE), c.DmaMap(iova=0, hpa=0, keyid=64),
    c.DmaRead(iova=0, size=0), c.DmaRead(iova=PAGE - 1, size=2), c.DmaWrite(iova=0, data=b""),
    c.BusCapture(hpa=SIZE), c.BusInject(hpa=0), c.FlipBit(hpa=0, bit=512), c.FlipBit(hpa=0, field="mac", bit=28),
    c.FlipBit(hpa=0, field="owner", bit=1), c.FlipBit(hpa=0, bit=-1), c.FlipBit(hpa=-64),
    c.DumpDimm(hpa=0, size=0), c.DumpDimm(hpa=SIZE - 1, size=2), c.HostRead(hpa=0, lp=4), c.HostRead(hpa=0, lp=-1),
], ids=repr)  # fmt: skip
def test_what_has_no_meaning_is_refused_and_changes_nothing(command):
    assert refused(machine(), command)


# --- devices --------------------------------------------------------------------------------------


def mapped(m, keyid=0):
    m.do(c.DmaMap(iova=PAGE, hpa=AT, keyid=keyid))
    return m


def test_dma_without_a_mapping_and_with_a_private_keyid_is_aborted():
    m = machine()
    assert last(m, c.DmaRead(iova=PAGE)).reason == "no mapping for this I/O address"
    mapped(m, MINE)
    before = m.fingerprint()
    for command in (c.DmaRead(iova=PAGE), c.DmaWrite(iova=PAGE, data=b"x")):
        (event,) = m.do(command)
        assert (type(event), event.keyid) == (e.IommuFaulted, MINE)
    assert last(m, c.DmaRead(iova=PAGE, device="gpu")).reason == "no mapping for this I/O address"
    assert m.fingerprint() == before


@pytest.mark.parametrize("size", [1, 8, 64, 70, 200])
@pytest.mark.parametrize("skip", [0, 5, 63])
def test_dma_round_trip_and_the_host_sees_it(size, skip):
    m = mapped(machine())
    m.do(c.HostRead(hpa=AT, size=256))  # a stale copy would be in the way
    data = bytes(n % 250 + 1 for n in range(size))
    assert isinstance(last(m, c.DmaWrite(iova=PAGE + skip, data=data)), e.DmaStored)
    assert last(m, c.DmaRead(iova=PAGE + skip, size=size)).data == data
    assert last(m, c.HostRead(hpa=AT + skip, size=size)).data == data


def test_dma_reads_what_the_host_left_in_the_cache():
    m = mapped(machine())
    m.do(c.HostWrite(hpa=AT, data=DATA))
    assert last(m, c.DmaRead(iova=PAGE, size=LINE)).data == DATA


@pytest.mark.parametrize("world", ["li", "ci"])
def test_dma_of_an_owned_line(world):
    m = mapped(owned(world))
    loaded = last(m, c.DmaRead(iova=PAGE, size=LINE))
    assert (loaded.data, loaded.rule) == (bytes(LINE), "owned-zeros")
    m.do(c.DmaWrite(iova=PAGE, data=b"short"))
    assert m.platform.memctl.probe(AT).poison
    m.do(c.DmaWrite(iova=PAGE, data=DATA))
    assert m.platform.memctl.probe(AT).owner is False
    assert not m.platform.memctl.probe(AT).poison


def test_a_short_dma_write_to_poison_does_not_crash_the_machine():
    """The device's write cannot raise #MC in anybody: the line simply stays poisoned."""
    m = mapped(machine())
    m.platform.memctl.poison(AT, 0)
    events = m.do(c.DmaWrite(iova=PAGE, data=b"short"))
    assert events
    assert m.platform.memctl.probe(AT).poison


# --- probes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
def test_capture_and_inject_put_the_whole_old_line_back(world):
    m = machine(world)
    keyid = 0 if world == "legacy" else MINE
    m.platform.memctl.write_line(AT, keyid, DATA)
    old = m.platform.memctl.probe(AT)
    captured = last(m, c.BusCapture(hpa=AT + 7))
    assert (captured.hpa, captured.cipher, captured.owner, captured.mac) == (AT, old.data, old.owner, old.mac)
    m.platform.memctl.write_line(AT, keyid, DATA[::-1])
    injected = last(m, c.BusInject(hpa=AT))
    assert (injected.cipher, injected.mac) == (old.data, old.mac)
    assert m.platform.memctl.read_line(AT, keyid).data == DATA


def test_the_probe_does_not_reach_the_cache():
    m = machine()
    m.do(c.BusCapture(hpa=AT))
    m.do(c.HostWrite(hpa=AT, data=DATA))
    m.do(c.BusInject(hpa=AT))
    assert last(m, c.HostRead(hpa=AT, size=LINE)).data == DATA


@pytest.mark.parametrize(("field", "bit"), [("data", 0), ("data", 511), ("mac", 27), ("owner", 0)])
def test_flip_changes_exactly_one_bit_and_twice_is_nothing(field, bit):
    m = owned()
    before, old = m.fingerprint(), m.platform.memctl.probe(AT)
    m.do(c.FlipBit(hpa=AT, field=field, bit=bit))
    new = m.platform.memctl.probe(AT)
    distance = (
        (int.from_bytes(old.data) ^ int.from_bytes(new.data)).bit_count()
        + (old.mac ^ new.mac).bit_count() + (old.owner != new.owner)
    )  # fmt: skip
    assert distance == 1
    if field == "data":
        assert old.data[bit // 8] ^ new.data[bit // 8] == 1 << bit % 8
    m.do(c.FlipBit(hpa=AT, field=field, bit=bit))
    assert m.fingerprint() == before


@pytest.mark.parametrize("field", ["data", "mac", "owner"])
def test_ecc_that_was_left_alone_corrects_the_flip_at_the_next_fetch(field):
    m = owned()
    intact, before = m.platform.memctl.probe(AT), m.fingerprint()
    m.do(c.FlipBit(hpa=AT, field=field, repair=False))
    assert m.platform.memctl.probe(AT) != intact
    assert m.fingerprint() != before
    twin = m.copy()
    told: list[e.Event] = []
    twin.platform.listen(told.append)
    assert twin.platform.memctl.inspect(AT, MINE).data == DATA
    assert not twin.platform.memctl.read_line(AT, MINE).poison
    assert [n.hpa for n in told if isinstance(n, e.ErrorCorrected)] == [AT]
    assert twin.platform.memctl.probe(AT) == intact and twin.fingerprint() == before
    assert m.platform.memctl.probe(AT) != intact  # the other copy still has it


def test_a_second_flip_is_refused_and_a_store_mends_the_first():
    m = owned()
    m.do(c.FlipBit(hpa=AT, repair=False))
    assert isinstance(last(m, c.FlipBit(hpa=AT, bit=1, repair=False)), e.CommandRefused)
    m.platform.memctl.write_line(AT, MINE, DATA)
    told: list[e.Event] = []
    m.platform.listen(told.append)
    m.platform.memctl.read_line(AT, MINE)
    assert not [n for n in told if isinstance(n, e.ErrorCorrected)]


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
def test_a_dump_shows_the_chips_and_leaves_a_dead_machine(world):
    m = machine(world)
    m.do(c.HostWrite(hpa=AT, data=DATA, how="full-line"))
    m.do(c.HostWrite(hpa=AT + LINE, data=DATA))  # never reaches memory
    chips = b"".join(m.platform.memctl.probe(AT + n).data for n in range(0, 3 * LINE, LINE))
    dumped = last(m, c.DumpDimm(hpa=AT + 3, size=130))
    assert dumped.data == chips[3:133]
    assert (dumped.data[:61] == DATA[3:]) == (world == "legacy")
    assert not m.platform.powered
    assert m.platform.keys.configured() == ()
    assert m.platform.cache.lines == {}
    assert m.platform.memctl.probe(AT + 2 * LINE).data == chips[128:]  # ciphertext stays without its key
    assert all(lp.mode == "host" for lp in m.platform.lps)


def test_timing_tells_whether_a_line_was_cached_and_nothing_else():
    machine = Machine("ci")
    first = machine.do(c.HostTime(hpa=0x20_0000))[-1]
    again = machine.do(c.HostTime(hpa=0x20_0010))[-1]
    assert (first.slow, again.slow) == (True, False)
    (fault,) = machine.do(c.HostTime(hpa=0x20_0000, keyid=0x21))
    assert isinstance(fault, e.HostFaulted)
    (refused,) = machine.do(c.HostTime(hpa=1 << 50))
    assert isinstance(refused, e.CommandRefused)
