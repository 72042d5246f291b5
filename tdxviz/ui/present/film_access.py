"""Stills of the micro-operations: guest accesses, and what host, device and probe cause below."""

from functools import singledispatch

from tdxviz.core import events as e
from tdxviz.core.units import PAGE, page_of
from tdxviz.ui.present.film_parts import RULES, STOPS, Cutter
from tdxviz.ui.present.hexes import actor_title, bare, hex_bytes, spaced

KINDS = {
    "load": "loads", "store": "stores", "fetch": "fetches code,",
    "speculative load": "loads ahead of its branch,", "speculative fetch": "fetches code ahead of its branch,",
}  # fmt: skip


def take(cutter: Cutter, event: e.Event) -> bool:
    """Add the event's still, if it is a micro-operation. False: not one of ours."""
    return _take(event, cutter)


@singledispatch
def _take(event: e.Event, cutter: Cutter) -> bool:
    return False


@_take.register
def _(event: e.AccessBegan, cutter: Cutter) -> bool:
    verb = KINDS.get(event.kind, event.kind)
    who = actor_title(event.actor)
    started = bool(cutter.stills)
    cutter.begin("guest", event.actor, f"{who} {verb} {event.size} bytes at {spaced(event.gla)}")
    cutter.gla = event.gla
    if started:  # a store whose probe was shown already
        return True
    cutter.still("translate", "translate", f"{who} asks for linear address {spaced(event.gla)}.", "core0")
    return True


@_take.register
def _(event: e.TlbMissed, cutter: Cutter) -> bool:
    cutter.walking = True
    cutter.still("walk", "walk the tables", f"No translation of {spaced(event.gla)} here.", "tlb",
                 short="walk")  # fmt: skip
    return True


@_take.register
def _(event: e.TableRead, cutter: Cutter) -> bool:
    cutter.tables[event.table] = cutter.tables.get(event.table, 0) + 1
    return True


def _translated(event: e.TlbHit | e.TlbFilled, cutter: Cutter, words: str) -> bool:
    cutter.walking = False
    if cutter.passed("engine", "hit"):
        return True
    if cutter.hpa is None:
        cutter.gla = event.gla if cutter.gla is None else cutter.gla
        cutter.aim(page_of(event.hpa) | cutter.gla % PAGE, event.keyid)
    text = (f"{words}: page {spaced(page_of(event.gpa))} is at {spaced(page_of(event.hpa))}, "
            f"KeyID {event.keyid:#x}.")  # fmt: skip
    if cutter.stills and cutter.stills[-1].phase == "cache":
        cutter.stills.pop()
    cutter.still("cache", "look in the cache", text, "tlb", short="cache")
    return True


@_take.register
def _(event: e.TlbHit, cutter: Cutter) -> bool:
    return _translated(event, cutter, "TLB hit")


@_take.register
def _(event: e.TlbFilled, cutter: Cutter) -> bool:
    read = " and ".join(f"{n} {name}" for name, n in cutter.tables.items() if n)
    return _translated(event, cutter, f"Walked {read} entries" if read else "Walked")


@_take.register
def _(event: e.CacheHit, cutter: Cutter) -> bool:
    if _quiet(cutter, event.hpa) or cutter.passed("fill", "hit"):
        return True
    cutter.aim(event.hpa, event.keyid)
    cutter.hit = True
    cutter.still("hit", "found in the cache",
                 f"Line {bare(event.hpa)} is here under KeyID {event.keyid:#x}: memory is not asked.",
                 "cache", short="found")  # fmt: skip
    return True


@_take.register
def _(event: e.CacheMissed, cutter: Cutter) -> bool:
    if _quiet(cutter, event.hpa):
        return True
    cutter.aim(event.hpa, event.keyid)
    cutter.still("engine", "ask the memory engine",
                 f"Line {bare(event.hpa)} is not here under KeyID {event.keyid:#x}.",
                 "cache", short="engine")  # fmt: skip
    return True


@_take.register
def _(event: e.LineFetched, cutter: Cutter) -> bool:
    if _quiet(cutter, event.hpa):
        return True
    cutter.aim(event.hpa, event.keyid)
    text = f"DRAM delivers {hex_bytes(event.cipher, 4)} with owner bit {int(event.owner)}."
    cutter.still("fetch", "fetch the line", text, "dram", short="fetch", data=event.cipher)
    return True


@_take.register
def _(event: e.LineDecrypted, cutter: Cutter) -> bool:
    if _quiet(cutter, event.hpa):
        return True
    stop = event.rule in STOPS
    words = RULES.get(event.rule, event.rule)
    if stop:
        cutter.refuse(words)
    label = "pass" if event.rule == "plain" else "decrypt and check"
    cutter.still("check", label, f"{words[0].upper()}{words[1:]}.", "engine", short="check",
                 refused=stop, data=event.data, plain=not stop)  # fmt: skip
    return True


@_take.register
def _(event: e.LinePoisoned, cutter: Cutter) -> bool:
    words = RULES.get(event.rule, event.rule)
    where = "a page-table entry: " if cutter.walking else ""
    cutter.aim(event.hpa, event.keyid)
    cutter.refuse(where + words)
    cutter.still("check", "decrypt and check", f"Refused. {where}{words}.", "engine",
                 short="check", refused=True)  # fmt: skip
    return True


@_take.register
def _(event: e.LineFilled, cutter: Cutter) -> bool:
    if _quiet(cutter, event.hpa):
        return True
    text = f"Set {event.set}, way {event.way}, tagged with KeyID {event.keyid:#x}."
    cutter.still("fill", "fill", text, "engine", data=_last_plain(cutter), plain=True)
    return True


@_take.register
def _(event: e.LineEvicted, cutter: Cutter) -> bool:
    if cutter.walking or cutter.stills:
        return True
    cutter.begin("host", "host", f"Line {bare(event.hpa)} leaves the cache")
    cutter.aim(event.hpa, event.keyid)
    state = "dirty: it is written back" if event.dirty else "clean: nothing to write"
    cutter.still("evict", "evict", f"Line {bare(event.hpa)} leaves the cache ({event.reason}); {state}.",
                 "cache")  # fmt: skip
    return True


@_take.register
def _(event: e.LineWritten, cutter: Cutter) -> bool:
    if _quiet(cutter, event.hpa):
        return True
    cutter.aim(event.hpa, event.keyid)
    text = f"The chips now hold {hex_bytes(event.cipher, 4)}, owner bit {int(event.owner)}."
    cutter.still("write", "write the line", text, "dram", short="write", data=event.cipher)
    return True


@_take.register
def _(event: e.MemoryLoaded, cutter: Cutter) -> bool:
    if not cutter.title:
        cutter.begin("guest", event.actor, f"{actor_title(event.actor)} goes on at {spaced(event.gla)}")
    what = "decoder" if event.kind.endswith("fetch") else "register"
    if event.kind.startswith("speculative"):
        what += ", of a branch that may be wrong,"
    cutter.still("deliver", "use", f"{hex_bytes(event.data, 8)} reaches the {what} in plain text.",
                 "core0", data=event.data, plain=True)  # fmt: skip
    return True


@_take.register
def _(event: e.MemoryStored, cutter: Cutter) -> bool:
    if not cutter.title:
        cutter.begin("guest", event.actor, f"{actor_title(event.actor)} stores {len(event.data)} "
                     f"bytes at {spaced(event.gla)}")  # fmt: skip
    cutter.aim(event.hpa, event.keyid)
    cutter.still("store", "store", f"{hex_bytes(event.data, 8)} is in the cache; DRAM is not written yet.",
                 "cache", data=event.data, plain=True)  # fmt: skip
    return True


@_take.register
def _(event: e.MachineCheckRaised, cutter: Cutter) -> bool:
    cutter.refuse("poison was consumed: machine check")
    if not cutter.title:
        kind = "host" if event.context == "host" else "guest"
        cutter.begin(kind, event.context, f"{actor_title(event.context)} reads {spaced(event.hpa)}")
    cutter.still("refused", "#MC", f"{actor_title(event.context)} consumed poison: machine check.",
                 "core0" if event.context != "host" else "core1", refused=True)  # fmt: skip
    return True


def _quiet(cutter: Cutter, hpa: int) -> bool:
    """Accesses of the page walker, and lines after the first one, make no still of their own."""
    return cutter.walking or cutter.other_line(hpa)


def _last_plain(cutter: Cutter) -> bytes:
    return cutter.stills[-1].data if cutter.stills else b""
