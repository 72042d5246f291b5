"""Pages kept as plaintext and key against pages sealed line by line at once: nobody can tell."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core import commands as c
from tdxviz.core.faults import MachineCheck
from tdxviz.core.hw import io, physical
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import LINE, PAGE, WORLDS

AT = 0x10_0000
PAGES = st.integers(0, 1).map(lambda n: AT + n * PAGE)
LINES = st.integers(0, 127).map(lambda n: AT + n * LINE)
KEYIDS = st.sampled_from((0, 5, 33, 34))
DATA = st.integers(0, 255)

WAYS = st.one_of(
    st.tuples(st.just("page"), PAGES, KEYIDS, DATA),
    st.tuples(st.just("read page"), PAGES, KEYIDS),
    st.tuples(st.just("read"), LINES, KEYIDS),
    st.tuples(st.just("store"), LINES, KEYIDS, DATA),
    st.tuples(st.just("line"), LINES, KEYIDS, DATA),
    st.tuples(st.just("evict"), LINES, KEYIDS),
    st.tuples(st.just("new key"), st.sampled_from((0, 33))),
    st.tuples(st.just("flip"), LINES, st.sampled_from(("data", "mac", "owner"))),
    st.tuples(st.just("capture"), LINES),
    st.tuples(st.just("inject"), LINES),
    st.tuples(st.just("dma"), LINES),
    st.tuples(st.just("copy")),
    st.tuples(st.just("digest")),
    st.tuples(st.just("dump")),
)


class Bench:
    """One platform; ``eager`` ones write and read pages line by line."""

    def __init__(self, world: str, eager: bool) -> None:
        self.p = Platform.fresh(world, 7)  # type: ignore[arg-type]  # because tests name worlds as text
        self.eager, self.told = eager, []
        self.p.listen(self.told.append)
        for keyid in (33, 34):
            self.p.keys.program(keyid, self.p.drbg)

    def digest(self) -> str:
        h = hashlib.sha256()
        self.p.digest(h)
        return h.hexdigest()

    def act(self, deed: str, *more) -> object:
        try:
            return self._act(deed, *more)
        except MachineCheck as poison:
            return "#MC", poison.hpa, poison.keyid

    def _act(self, deed: str, at: int = 0, keyid: int = 0, n: int = 0) -> object:
        p = self.p
        match deed:
            case "page" if self.eager:
                for line in range(LINE):
                    physical.write_line_direct(p, at + line * LINE, keyid, bytes([n ^ line]) * LINE)
            case "page":
                data = b"".join(bytes([n ^ line]) * LINE for line in range(LINE))
                physical.write_page_direct(p, at, keyid, data)
            case "read page" if self.eager:
                return b"".join(physical.cached_line(p, a, keyid) for a in range(at, at + PAGE, LINE))
            case "read page":
                return physical.read_physical(p, at, keyid, PAGE)
            case "read":
                return physical.cached_line(p, at, keyid)
            case "store":
                physical.write_physical(p, at + 3, keyid, bytes([n]) * 9)
            case "line":
                physical.write_line_direct(p, at, keyid, bytes([n]) * LINE)
            case "evict":
                physical.evict(p, at, keyid, "test")
            case "new key":
                p.keys.program(at, p.drbg)
            case "copy":
                twin = p.copy()
                p.dram.put(AT, p.memctl.probe(AT)._replace(poison=True))  # the old one goes its own way
                self.p = twin
                twin.listen(self.told.append)
            case "digest":
                return self.digest()
            case _:
                self._outside(deed, at, keyid)
        return None

    def _outside(self, deed: str, at: int, field: object) -> None:
        match deed:
            case "flip":
                io.probe_command(self.p, c.FlipBit(hpa=at, field=field, bit=0))  # type: ignore[arg-type]  # because it is drawn
            case "capture":
                io.probe_command(self.p, c.BusCapture(hpa=at))
            case "inject":
                io.probe_command(self.p, c.BusInject(hpa=at))
            case "dma":
                io.device_command(self.p, c.DmaMap(iova=0, hpa=at & -PAGE))
                io.device_command(self.p, c.DmaRead(iova=at % PAGE, size=8))
            case "dump" if self.p.powered:
                io.probe_command(self.p, c.DumpDimm(hpa=AT, size=2 * PAGE))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WORLDS), st.lists(WAYS, max_size=14))
def test_late_sealing_changes_nothing_that_anybody_can_see(world, deeds):
    late, eager = Bench(world, eager=False), Bench(world, eager=True)
    for deed in deeds:
        assert late.act(*deed) == eager.act(*deed), deed
    assert late.told == eager.told
    for at in range(AT, AT + 2 * PAGE, LINE):
        assert late.p.memctl.probe(at) == eager.p.memctl.probe(at)
    assert late.digest() == eager.digest()
    assert late.digest() == late.digest()


def test_a_whole_page_costs_its_plaintext_alone():
    bench = Bench("ci", eager=False)
    bench.act("page", AT, 33, 1)
    assert bench.p.dram.whole(AT) is not None
    bench.act("flip", AT + 5 * LINE, "data")
    assert bench.p.dram.whole(AT) is None
    assert bench.act("read", AT + 5 * LINE, 33) == ("#MC", AT + 5 * LINE, 33)
    assert bench.act("read", AT + 4 * LINE, 33) == bytes([1 ^ 4]) * LINE


def test_beyond_memory_a_page_is_lost():
    bench = Bench("li", eager=False)
    bench.act("page", bench.p.size, 33, 1)
    assert bench.p.dram.pages() == ()


def test_a_page_read_where_it_only_seems_to_lie_is_noise():
    """Modules that claim more than they have: the same cells at another address, sealed for the first."""
    bench = Bench("li", eager=False)
    bench.p.dram.chips = 2 * AT
    bench.act("page", AT, 33, 1)
    assert bench.act("read", AT, 33) == bytes([1]) * LINE
    alias = bench.act("read", AT + bench.p.dram.chips, 33)
    assert alias not in (bytes([1]) * LINE, bytes(LINE))
    assert bench.act("read page", AT + bench.p.dram.chips, 33)[:LINE] == alias
