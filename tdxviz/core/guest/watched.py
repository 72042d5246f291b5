"""Accesses while somebody watches: each micro-operation told as an event.

A fetch or access that hits TLB and cache as it did before tells the same events: they are made once
and told again as long as translation and line are the very same objects.
"""

from typing import TYPE_CHECKING, NamedTuple

from tdxviz.core import events as e
from tdxviz.core.hw.cache import CacheLine
from tdxviz.core.hw.cpu import USER, CpuState
from tdxviz.core.hw.platform import LogicalProcessor
from tdxviz.core.hw.tlb import TlbEntry
from tdxviz.core.units import KEYID_SHIFT, LINE, PAGE, Gla

if TYPE_CHECKING:
    from tdxviz.core.guest.context import Context
    from tdxviz.core.guest.table import Op

OFFSET = PAGE - 1
MOST = 4096
"""Remembered places of each kind; more are forgotten together."""


class Place(NamedTuple):
    """A store within one line that hit: its translation, and what is told before the line changes."""

    entry: TlbEntry
    before: tuple[e.Event, ...]


class Loaded(NamedTuple):
    """A load within one line that hit: what must still hold, what it delivered and told."""

    entry: TlbEntry
    line: bytes
    data: bytes
    number: int
    events: tuple[e.Event, ...]


class Part(NamedTuple):
    """A fetch within one line."""

    gla: Gla
    entry: TlbEntry
    tag: int
    line: bytes
    events: tuple[e.Event, ...]


class Fetched(NamedTuple):
    """An instruction: where it was found (``first`` is None if that cannot be recognised), what to do and
    to tell."""

    first: Part | None
    more: Part | None
    op: "Op"
    next: int
    events: tuple[e.Event, ...]
    retired: e.Event


class Seen:
    """What was told before."""

    __slots__ = ("code", "loads", "stores")

    def __init__(self) -> None:
        self.loads: dict[int, Loaded] = {}
        """By address and size in one number, see ``load``."""
        self.stores: dict[int, Place] = {}
        self.code: dict[tuple[int, bool], dict[Gla, Fetched]] = {}
        """Decoding mode and whether at CPL 3 -> RIP -> instruction."""

    def code_in(self, cpu: CpuState) -> dict[Gla, Fetched]:
        return self.code.setdefault((cpu.bits, cpu.cpl == USER), {})


def seen_on(lp: LogicalProcessor) -> Seen:
    if lp.told is None:
        lp.told = Seen()
    return lp.told


def load(x: "Context", seen: Seen, gla: Gla, size: int) -> Loaded | None:
    """A load that hits TLB and cache, told; None: it has to go the whole way."""
    entry = x.readable.get(gla >> 12)
    if entry is None or gla % LINE + size > LINE:
        return None
    line = x.lines.get(entry.hpa + (gla & OFFSET) & -LINE | entry.keyid << KEYID_SHIFT)
    if line is None:
        return None
    known = seen.loads.get(gla << 7 | size)
    if known is None or known.line is not line.data or known.entry is not entry:
        known = _loaded(x, seen, entry, gla, size, line)
    news = x.p.news
    if news is None:
        x.p.note_all(known.events)
    else:
        news += known.events
    return known


def _loaded(x: "Context", seen: Seen, entry: TlbEntry, gla: Gla, size: int, line: CacheLine) -> Loaded:
    start, place = gla % LINE, gla << 7 | size
    known = seen.loads.get(place)
    before = (
        known.events[:3] if known is not None and known.entry is entry else hits(x, entry, "load", gla, size)
    )
    data = line.data[start : start + size]
    event = e.MemoryLoaded(
        lp=x.lp.id, actor=x.who, kind="load", gla=gla, gpa=entry.gpa + (gla & OFFSET),
        hpa=entry.hpa + (gla & OFFSET), keyid=entry.keyid, data=data,
    )  # fmt: skip
    if len(seen.loads) >= MOST:
        seen.loads.clear()
    known = Loaded(entry, line.data, data, int.from_bytes(data, "little"), (*before, event))
    seen.loads[place] = known
    return known


def store(x: "Context", seen: Seen, gla: Gla, data: bytes) -> bool:
    """A store that hits TLB and cache, done and told; False: it has to go the whole way."""
    entry, size = x.writable.get(gla >> 12), len(data)
    if entry is None or gla % LINE + size > LINE:
        return False
    hpa = entry.hpa + (gla & OFFSET)
    tag = hpa & -LINE | entry.keyid << KEYID_SHIFT
    line = x.lines.get(tag)
    if line is None:
        return False
    place = seen.stores.get(gla << 7 | size)
    if place is None or place.entry is not entry:
        if len(seen.stores) >= MOST:
            seen.stores.clear()
        place = seen.stores[gla << 7 | size] = Place(entry, hits(x, entry, "store", gla, size))
    p, start, old = x.p, gla % LINE, line.data
    event = e.MemoryStored(
        lp=x.lp.id, actor=x.who, gla=gla, gpa=entry.gpa + (gla & OFFSET), hpa=hpa, keyid=entry.keyid,
        data=data,
    )  # fmt: skip
    if p.news is None:
        p.note_all(place.before)
    x.lines[tag] = CacheLine(old[:start] + data + old[start + size :], True, x.package)
    if p.news is None:
        p.note(event)
    else:
        p.news += (*place.before, event)
    if tag in x.code:
        x.stale = True
    return True


def hits(x: "Context", entry: TlbEntry, kind: str, gla: Gla, size: int) -> tuple[e.Event, ...]:
    """What an access tells until it has its line, where TLB and cache hit."""
    lp, offset = x.lp.id, gla % PAGE
    hpa, gpa, keyid = entry.hpa + offset, entry.gpa + offset, entry.keyid
    return (
        e.AccessBegan(lp=lp, actor=x.ctx.actor, kind=kind, gla=gla, size=size),
        e.TlbHit(lp=lp, vpid=x.ctx.vpid, gla=gla, gpa=gpa, hpa=hpa, keyid=keyid),
        e.CacheHit(hpa=hpa & -LINE, keyid=keyid),
    )
