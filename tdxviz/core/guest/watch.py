"""The watched run: one instruction after the other, each micro-operation told as an event."""

from tdxviz.core import events as e
from tdxviz.core.faults import Architectural, Boundary
from tdxviz.core.guest import decoder
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.fetch import fetch
from tdxviz.core.guest.watched import MOST, Fetched, Part, hits
from tdxviz.core.units import LINE, PAGE, U64, Gla, with_keyid


def run(x: Context, steps: int, until: int | None) -> int:
    """Like ``fast.run``, and tells everything."""
    assert x.seen is not None
    cpu, p, news = x.cpu, x.p, x.p.news
    rip, x.ran = cpu.rip, 0
    sure: dict[Gla, Fetched] = {}  # what can be fetched again as before: nothing has moved since
    found: Fetched | None = None
    try:
        while x.ran < steps:
            found = sure.get(rip)
            if found is None:
                found = sure[rip] = _fetched(x, rip)
            elif news is None:
                p.note_all(found.events)
            else:
                news += found.events
            target = found.op(x)
            cpu.rip = rip = found.next if target is None else target
            x.ran += 1
            if news is None:
                p.note(found.retired)
            else:
                news.append(found.retired)
            if x.stale:
                sure.clear()
                x.code.clear()
                x.stale = False
            if rip == until:
                break
    except Boundary:
        assert found is not None
        x.ran += 1
        p.note(found.retired)
    except Architectural as outcome:
        outcome.executed = x.ran
        raise
    return x.ran


def _fetched(x: Context, rip: int) -> Fetched:
    """The instruction at ``rip``, its fetch told; from then on a store into its lines is noticed."""
    assert x.seen is not None
    code = x.seen.code_in(x.cpu)
    found = code.get(rip)
    if found is not None and _holds(x, found.first) and (found.more is None or _holds(x, found.more)):
        x.p.note_all(found.events)
    else:
        found = _anew(x, code, rip)
    for part in (found.first, found.more):
        if part is not None:
            x.code[part.tag] = part.line
    return found


def _holds(x: Context, part: Part | None) -> bool:
    line = None if part is None else x.lines.get(part.tag)
    return (
        part is not None and line is not None and line.data is part.line
        and x.tlb.lookup(x.ctx.vpid, part.gla) is part.entry
    )  # fmt: skip


def _anew(x: Context, code: dict[int, Fetched], rip: int) -> Fetched:
    """Fetch with all its events; remember them if TLB and lines can be recognised."""
    compiled = fetch(x, rip)
    assert compiled.op is not None
    retired = e.InstructionRetired(lp=x.lp.id, actor=x.ctx.actor, rip=rip, code=compiled.code)
    room = LINE - rip % LINE
    first = _part(x, rip, min(room, decoder.LONGEST))
    more = _part(x, rip + room & U64, decoder.LONGEST - room) if compiled.length > room else None
    if first is None or (compiled.length > room and more is None):
        x.stale = True
        return Fetched(None, None, compiled.op, compiled.next, (), retired)
    events = first.events if more is None else first.events + more.events
    if len(code) >= MOST:
        code.clear()
    found = code[rip] = Fetched(first, more, compiled.op, compiled.next, events, retired)
    return found


def _part(x: Context, gla: int, size: int) -> Part | None:
    """The part of a fetch that lies in one line, as it will be told when it hits again."""
    entry = x.tlb.lookup(x.ctx.vpid, gla)
    if entry is None:
        return None
    hpa, start = entry.hpa + gla % PAGE, gla % LINE
    tag = with_keyid(hpa & -LINE, entry.keyid)
    found = x.lines.get(tag)
    if found is None:
        return None
    loaded = e.MemoryLoaded(
        lp=x.lp.id, actor=x.ctx.actor, kind="fetch", gla=gla, gpa=entry.gpa + gla % PAGE, hpa=hpa,
        keyid=entry.keyid, data=found.data[start : start + size],
    )  # fmt: skip
    return Part(gla, entry, tag, found.data, (*hits(x, entry, "fetch", gla, size), loaded))
