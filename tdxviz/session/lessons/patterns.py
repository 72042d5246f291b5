"""Event patterns of a check: an event name and fields that must match."""

from collections.abc import Mapping, Sequence

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.session.lessons.compare import check_wanted, matches
from tdxviz.session.lessons.evidence import Evidence
from tdxviz.session.lessons.facts import EVENT_NAMES, FIELDS, Fact, known_event

VERBS = {
    "mem.read": "reads", "mem.write": "overwrites", "dma.read": "reads", "dma.write": "overwrites",
    "bus.probe": "records", "bus.replay": "puts back", "bit.flip": "flips a bit of",
    "cache.evict": "pushes out of the cache", "td.enter": "is entered", "td.exit": "leaves the core",
    "td.fatal": "dies", "host.registers": "looks at the registers", "machine.dump": "dumps the memory",
    "predictor.train": "trains the branch predictor", "predictor.flush": "sweeps the branch predictor",
}  # fmt: skip
ACTORS = {
    "host": "the host", "probe": "the probe", "device": "the device", "guest": "the guest",
    "td_a": "TD-A", "td_b": "TD-B", "vm_a": "the VM", "vm_b": "the other VM",
}  # fmt: skip
WORLD_WORDS = {"legacy": "legacy VM", "li": "Li world", "ci": "Ci world"}
RESULTS = {
    "ok": "and gets what it wrote", "data": "and gets the data", "fixed_pattern": "and gets a fixed pattern",
    "poison": "and meets poison", "accepted": "and nobody refuses", "refused": "and is refused",
    "speculative": "speculatively", "attacker_visible": "speculatively, and leaves a line that the attacker can see",
    "fast": "from the cache",
}  # fmt: skip

Pattern = Mapping[str, object]


def pattern(raw: object, anchors: Sequence[str], where: str, more: Sequence[str] = ()) -> Pattern:
    """A checked event pattern: ``event`` and fields. ``more``: further keys that may be there."""
    name = raw.get("event") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or not isinstance(name, str):
        raise TdxvizError(f"{where}: must be a mapping with an event name")
    if not known_event(name):
        raise TdxvizError(f"{where}: there is no event {name!r}; {did_you_mean(name, EVENT_NAMES)}")
    for key, wanted in raw.items():
        if key == "event" or key in more:
            continue
        if key not in FIELDS:
            raise TdxvizError(f"{where}: an event has no {key!r}; {did_you_mean(key, FIELDS)}")
        check_wanted(wanted, f"{where}.{key}")
        if key == "line":
            known_anchor(wanted, anchors, where)
    return {key: value for key, value in raw.items() if key not in more}


def known_anchor(name: object, anchors: Sequence[str], where: str) -> None:
    """Raises TdxvizError with the nearest anchor if there is none of this name."""
    if not isinstance(name, str) or name not in anchors:
        near = did_you_mean(str(name), anchors)
        raise TdxvizError(f"{where}: there is no anchor {name!r}; {near}")


def fits(fact: Fact, wanted: Pattern, evidence: Evidence) -> bool:
    return all(_field_fits(fact, key, value, evidence) for key, value in wanted.items())


def _field_fits(fact: Fact, key: str, wanted: object, evidence: Evidence) -> bool:
    if key == "event":
        name = str(wanted)
        return fact.name == name or (name.endswith("*") and fact.name.startswith(name[:-1]))
    if key == "line":
        return evidence.touches(fact, str(wanted))
    if key == "result":
        return any(matches(result, wanted) for result in fact.results)
    if key == "actor":
        guest = fact.actor.startswith(("td_", "vm_"))
        return matches(fact.actor, wanted) or (wanted == "guest" and guest)
    if key == "td":
        return matches(fact.actor.rpartition("_")[2].upper(), wanted)
    if key == "world":
        return matches(fact.world, wanted)
    return matches(fact.more.get(key), wanted)


def words(wanted: Pattern) -> str:
    """A pattern in words, for "still missing": ``the host reads the secret in the legacy VM and gets
    data``. Events without a verb of their own keep their names and fields."""
    verb = VERBS.get(str(wanted["event"]))
    if verb is not None and set(wanted) <= {"event", "actor", "td", "line", "world", "result"}:
        who = wanted.get("actor", f"TD-{wanted['td']}" if "td" in wanted else "somebody")
        what = f" the {wanted['line']}" if "line" in wanted else ""
        where = (
            f" in the {WORLD_WORDS.get(str(wanted['world']), wanted['world'])}" if "world" in wanted else ""
        )
        result = f" {RESULTS.get(str(wanted['result']), wanted['result'])}" if "result" in wanted else ""
        return f"{ACTORS.get(str(who), who)} {verb}{what}{where}{result}"
    rest = ", ".join(f"{key} {value}" for key, value in wanted.items() if key != "event")
    return f"{wanted['event']} ({rest})" if rest else str(wanted["event"])


def patterns(raw: object, anchors: Sequence[str], where: str) -> list[Pattern]:
    rows = raw if isinstance(raw, list) else [raw]
    if not rows:
        raise TdxvizError(f"{where}: must name at least one event")
    return [pattern(row, anchors, f"{where}[{n}]") for n, row in enumerate(rows)]
