"""Accesses while somebody watches: each micro-operation told as an event.

A fetch or access that hits TLB and cache as it did before tells the same events: they are made once
and told again as long as translation and line are the very same objects.
"""

from typing import TYPE_CHECKING, NamedTuple

from tdxviz.core import events as e
from tdxviz.core.hw import path
from tdxviz.core.hw.cache import CacheLine
from tdxviz.core.hw.cpu import USER, CpuState
from tdxviz.core.hw.platform import LogicalProcessor
from tdxviz.core.hw.tlb import TlbEntry
from tdxviz.core.units import LINE, PAGE, Gla, with_keyid

if TYPE_CHECKING:
    from tdxviz.core.guest.context import Context
    from tdxviz.core.guest.table import Op

MOST = 4096
"""Remembered places of each kind; more are forgotten together."""


class Place(NamedTuple):
    """An access within one line that hit: what must still hold, and what to tell then."""

    entry: TlbEntry
    user: bool
    """Whether it was at CPL 3, to which other rights belong."""
    tag: int
    before: tuple[e.Event, ...]
    gpa: int
    hpa: int


class Part(NamedTuple):
    """A fetch within one line."""

    gla: Gla
    entry: TlbEntry
    tag: int
    line: bytes
    events: tuple[e.Event, ...]


class Fetched(NamedTuple):
    """An instruction: what must still hold (``more``: for its second line), what to do and to tell."""

    entry: TlbEntry | None
    tag: int
    line: bytes
    more: Part | None
    op: "Op"
    next: int
    events: tuple[e.Event, ...]
    retired: e.Event


class Seen:
    """What was told before."""

    __slots__ = ("code", "loads", "stores", "told")

    def __init__(self) -> None:
        self.loads: dict[tuple[Gla, int], Place] = {}
        self.stores: dict[tuple[Gla, int], Place] = {}
        self.told: dict[tuple[Gla, int], tuple[bytes, bytes, tuple[e.Event, ...]]] = {}
        """A load's line, data and events, while the line stays what it is."""
        self.code: dict[tuple[int, bool], dict[Gla, Fetched]] = {}
        """Decoding mode and whether at CPL 3 -> RIP -> instruction."""

    def code_in(self, cpu: CpuState) -> dict[Gla, Fetched]:
        return self.code.setdefault((cpu.bits, cpu.cpl == USER), {})


def seen_on(lp: LogicalProcessor) -> Seen:
    if lp.told is None:
        lp.told = Seen()
    return lp.told


def load(x: "Context", seen: Seen, gla: Gla, size: int) -> bytes:
    key = gla, size
    place = seen.loads.get(key)
    if (
        place is not None
        and x.tlb.lookup(x.ctx.vpid, gla) is place.entry
        and place.user is (x.cpu.cpl == USER)
    ):
        line = x.lines.get(place.tag)
        if line is not None:
            told = seen.told.get(key)
            if told is None or told[0] is not line.data:
                told = seen.told[key] = _loaded(x, place, gla, size, line)
            x.p.note_all(told[2])
            return told[1]
    data = path.load(x.p, x.lp, x.ctx, gla, size)
    _learn(x, seen, seen.loads, "load", gla, size)
    return data


def _loaded(
    x: "Context", place: Place, gla: Gla, size: int, line: CacheLine
) -> tuple[bytes, bytes, tuple[e.Event, ...]]:
    start = gla % LINE
    data = line.data[start : start + size]
    event = e.MemoryLoaded(
        lp=x.lp.id, actor=x.ctx.actor, kind="load", gla=gla, gpa=place.gpa, hpa=place.hpa,
        keyid=place.entry.keyid, data=data,
    )  # fmt: skip
    return line.data, data, (*place.before, event)


def store(x: "Context", seen: Seen, gla: Gla, data: bytes) -> None:
    size = len(data)
    place = seen.stores.get((gla, size))
    if (
        place is not None
        and x.tlb.lookup(x.ctx.vpid, gla) is place.entry
        and place.user is (x.cpu.cpl == USER)
    ):
        line = x.lines.get(place.tag)
        if line is not None:
            p, start, old = x.p, gla % LINE, line.data
            p.note_all(place.before)
            x.lines[place.tag] = CacheLine(old[:start] + data + old[start + size :], True, x.package)
            p.note(
                e.MemoryStored(
                    lp=x.lp.id, actor=x.ctx.actor, gla=gla, gpa=place.gpa, hpa=place.hpa,
                    keyid=place.entry.keyid, data=data,
                )
            )  # fmt: skip
            return
    path.store(x.p, x.lp, x.ctx, gla, data)
    _learn(x, seen, seen.stores, "store", gla, size)


def _learn(
    x: "Context", seen: Seen, places: dict[tuple[Gla, int], Place], kind: str, gla: Gla, size: int
) -> None:
    entry = x.tlb.lookup(x.ctx.vpid, gla)
    if entry is None or gla % LINE + size > LINE:
        return
    if len(places) >= MOST:
        places.clear()
        seen.told.clear()
    offset = gla % PAGE
    tag = with_keyid(entry.hpa + offset & -LINE, entry.keyid)
    places[gla, size] = Place(
        entry, x.cpu.cpl == USER, tag, hits(x, entry, kind, gla, size), entry.gpa + offset, entry.hpa + offset
    )


def hits(x: "Context", entry: TlbEntry, kind: str, gla: Gla, size: int) -> tuple[e.Event, ...]:
    """What an access tells until it has its line, where TLB and cache hit."""
    lp, offset = x.lp.id, gla % PAGE
    hpa, gpa, keyid = entry.hpa + offset, entry.gpa + offset, entry.keyid
    return (
        e.AccessBegan(lp=lp, actor=x.ctx.actor, kind=kind, gla=gla, size=size),
        e.TlbHit(lp=lp, vpid=x.ctx.vpid, gla=gla, gpa=gpa, hpa=hpa, keyid=keyid),
        e.CacheHit(hpa=hpa & -LINE, keyid=keyid),
    )
