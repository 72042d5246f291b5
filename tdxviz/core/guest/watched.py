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
    place = _place(x, seen, seen.loads, "load", gla, size)
    line = None if place is None else x.lines.get(place.tag)
    if place is None or line is None:
        return path.load(x.p, x.lp, x.ctx, gla, size)
    told = seen.told.get((gla, size))
    if told is None or told[0] is not line.data or told[2][0] is not place.before[0]:
        told = seen.told[gla, size] = _loaded(x, place, gla, size, line)
    x.p.note_all(told[2])
    return told[1]


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
    place = _place(x, seen, seen.stores, "store", gla, size)
    line = None if place is None else x.lines.get(place.tag)
    if place is None or line is None:
        path.store(x.p, x.lp, x.ctx, gla, data)
        return
    p, start, old = x.p, gla % LINE, line.data
    p.note_all(place.before)
    x.lines[place.tag] = CacheLine(old[:start] + data + old[start + size :], True, x.package)
    p.note(
        e.MemoryStored(
            lp=x.lp.id, actor=x.ctx.actor, gla=gla, gpa=place.gpa, hpa=place.hpa,
            keyid=place.entry.keyid, data=data,
        )
    )  # fmt: skip


def _place(
    x: "Context", seen: Seen, places: dict[tuple[Gla, int], Place], kind: str, gla: Gla, size: int
) -> Place | None:
    """Where an access within one line goes, if the TLB has its translation and lets it."""
    entry, user = x.tlb.lookup(x.ctx.vpid, gla), x.cpu.cpl == USER
    place = places.get((gla, size))
    if place is not None and entry is place.entry and user is place.user:
        return place
    if entry is None or gla % LINE + size > LINE or path.BIT[kind] not in path.rights(entry, x.cpu.cpl):
        return None
    if len(places) >= MOST:
        places.clear()
        seen.told.clear()
    hpa = entry.hpa + gla % PAGE
    tag, before = with_keyid(hpa & -LINE, entry.keyid), hits(x, entry, kind, gla, size)
    place = places[gla, size] = Place(entry, user, tag, before, entry.gpa + gla % PAGE, hpa)
    return place


def hits(x: "Context", entry: TlbEntry, kind: str, gla: Gla, size: int) -> tuple[e.Event, ...]:
    """What an access tells until it has its line, where TLB and cache hit."""
    lp, offset = x.lp.id, gla % PAGE
    hpa, gpa, keyid = entry.hpa + offset, entry.gpa + offset, entry.keyid
    return (
        e.AccessBegan(lp=lp, actor=x.ctx.actor, kind=kind, gla=gla, size=size),
        e.TlbHit(lp=lp, vpid=x.ctx.vpid, gla=gla, gpa=gpa, hpa=hpa, keyid=keyid),
        e.CacheHit(hpa=hpa & -LINE, keyid=keyid),
    )
