"""The closed vocabulary of checks: parsed once, strictly; evaluated as often as needed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.session.lessons.compare import OPERATORS, check_wanted, matches
from tdxviz.session.lessons.evidence import STATE_FIELDS, Evidence
from tdxviz.session.lessons.patterns import fits, known_anchor, pattern, patterns, words

DEEPEST = 4


@dataclass(frozen=True)
class Outcome:
    """``numbers``: events that made it so. ``missing``: what has not happened yet, in words."""

    holds: bool
    numbers: tuple[int, ...] = ()
    missing: str = ""


Check = Callable[[Evidence], Outcome]


def parse(raw: object, anchors: Sequence[str], where: str = "check", depth: int = 1) -> Check:
    """Raises TdxvizError naming the place and the nearest right word."""
    if not isinstance(raw, Mapping) or not raw:
        raise TdxvizError(f"{where}: must be a mapping with at least one check")
    if depth > DEEPEST:
        raise TdxvizError(f"{where}: checks nest deeper than {DEEPEST}")
    parts: list[Check] = []
    for word, body in raw.items():
        if word not in WORDS:
            raise TdxvizError(f"{where}: there is no check {word!r}; {did_you_mean(word, WORDS)}")
        parts.append(WORDS[word](body, anchors, f"{where}.{word}", depth))
    return parts[0] if len(parts) == 1 else _all_of(parts)


# --- combining -----------------------------------------------------------------------------------


def _all_of(parts: Sequence[Check]) -> Check:
    def holds(evidence: Evidence) -> Outcome:
        results = [part(evidence) for part in parts]
        missing = next((r.missing for r in results if not r.holds), "")
        return Outcome(all(r.holds for r in results), _join(results), missing)

    return holds


def _join(results: Sequence[Outcome]) -> tuple[int, ...]:
    return tuple(sorted({number for result in results for number in result.numbers}))


def _list(raw: object, anchors: Sequence[str], where: str, depth: int) -> list[Check]:
    if not isinstance(raw, list) or not raw:
        raise TdxvizError(f"{where}: must be a list of checks")
    return [parse(one, anchors, f"{where}[{n}]", depth + 1) for n, one in enumerate(raw)]


def _all(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    return _all_of(_list(raw, anchors, where, depth))


def _any(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    parts = _list(raw, anchors, where, depth)

    def holds(evidence: Evidence) -> Outcome:
        results = [part(evidence) for part in parts]
        good = next((result for result in results if result.holds), None)
        return good or Outcome(False, (), results[0].missing)

    return holds


def _not(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    part = parse(raw, anchors, where, depth + 1)
    return lambda evidence: Outcome(not part(evidence).holds, (), "something that must not be so")


# --- events --------------------------------------------------------------------------------------


def _seen(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    wanted = patterns(raw, anchors, where)

    def holds(evidence: Evidence) -> Outcome:
        numbers: list[int] = []
        for one in wanted:
            fact = next((f for f in evidence.facts if fits(f, one, evidence)), None)
            if fact is None:
                return Outcome(False, tuple(numbers), words(one))
            numbers.append(fact.number)
        return Outcome(True, tuple(numbers))

    return holds


def _never(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    wanted = patterns(raw, anchors, where)

    def holds(evidence: Evidence) -> Outcome:
        for one in wanted:
            fact = next((f for f in evidence.facts if fits(f, one, evidence)), None)
            if fact is not None:
                return Outcome(False, (fact.number,), f"it must not come to {words(one)}")
        return Outcome(True)

    return holds


def _count(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    wanted = pattern(raw, anchors, where, more=("min", "max"))
    assert isinstance(raw, Mapping)
    low, high = raw.get("min", 1), raw.get("max", 1 << 60)
    if not isinstance(low, int) or not isinstance(high, int):
        raise TdxvizError(f"{where}: min and max must be numbers")

    def holds(evidence: Evidence) -> Outcome:
        numbers = tuple(f.number for f in evidence.facts if fits(f, wanted, evidence))
        return Outcome(low <= len(numbers) <= high, numbers, f"{low} times {words(wanted)}")

    return holds


def _order(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    wanted = patterns(raw, anchors, where)

    def holds(evidence: Evidence) -> Outcome:
        numbers: list[int] = []
        for fact in evidence.facts:
            if fits(fact, wanted[len(numbers)], evidence):
                numbers.append(fact.number)
                if len(numbers) == len(wanted):
                    return Outcome(True, tuple(numbers))
        return Outcome(False, tuple(numbers), words(wanted[len(numbers)]))

    return holds


def _within(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    if not isinstance(raw, Mapping) or set(raw) != {"events", "of"}:
        raise TdxvizError(f"{where}: needs exactly 'events' (a number) and 'of' (a list)")
    span = raw["events"]
    if not isinstance(span, int) or isinstance(span, bool) or span < 1:
        raise TdxvizError(f"{where}.events: must be a number from 1")
    wanted = patterns(raw["of"], anchors, f"{where}.of")

    def holds(evidence: Evidence) -> Outcome:
        for first in evidence.facts:
            near = [f for f in evidence.facts if 0 <= f.number - first.number < span]
            hits = [next((f for f in near if fits(f, one, evidence)), None) for one in wanted]
            if all(hits):
                return Outcome(True, tuple(sorted(f.number for f in hits if f)))
        return Outcome(False, (), f"all within {span} events: " + "; ".join(map(words, wanted)))

    return holds


# --- state, answers, selection, verdict ----------------------------------------------------------


def _state(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    rows = raw if isinstance(raw, list) else [raw]
    parts = [_one_state(row, anchors, f"{where}[{n}]") for n, row in enumerate(rows)]
    if not parts:
        raise TdxvizError(f"{where}: must name at least one field")
    return _all_of(parts)


def _one_state(raw: object, anchors: Sequence[str], where: str) -> Check:
    if not isinstance(raw, Mapping):
        raise TdxvizError(f"{where}: must be a mapping")
    allowed = ("world", "of", "at", "field", *OPERATORS)
    for key in raw:
        if key not in allowed:
            raise TdxvizError(f"{where}: unknown key {key!r}; {did_you_mean(str(key), allowed)}")
    kind, name = str(raw.get("of", "line")), str(raw.get("field", ""))
    fields = STATE_FIELDS.get(kind)
    if fields is None:
        raise TdxvizError(f"{where}.of: no {kind!r}; {did_you_mean(kind, STATE_FIELDS)}")
    if name not in fields:
        raise TdxvizError(f"{where}.field: no {name!r}; {did_you_mean(name, fields)}")
    if kind == "line":
        known_anchor(raw.get("at"), anchors, where)
    wanted = {key: raw[key] for key in OPERATORS if key in raw}
    check_wanted(wanted, where)
    missing = f"{raw.get('at', kind)}: {name} as wanted"

    def holds(evidence: Evidence) -> Outcome:
        value = evidence.state(kind, str(raw.get("at", "")), name, str(raw.get("world", "")))
        return Outcome(value is not None and matches(value, wanted), (), missing)

    return holds


def _answer(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    """``answer: any``, ``correct``, an option's id, or ``{step: ID, is: ...}``."""
    body = raw if isinstance(raw, Mapping) else {"is": raw}
    for key in body:
        if key not in ("step", "is"):
            near = did_you_mean(str(key), ("step", "is"))
            raise TdxvizError(f"{where}: unknown key {key!r}; {near}")
    step, wanted = str(body.get("step", "")), str(body.get("is", "any"))

    def holds(evidence: Evidence) -> Outcome:
        return Outcome(evidence.answered(step, wanted), (), "an answer")

    return holds


def _select(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    known_anchor(raw, anchors, where)
    name = str(raw)
    return lambda evidence: Outcome(name in evidence.selected, (), f"select {name}")


def _verdict(raw: object, anchors: Sequence[str], where: str, depth: int) -> Check:
    body = raw if isinstance(raw, Mapping) else {"word": raw}
    allowed = ("word", "class", "attack", "world")
    for key, wanted in body.items():
        if key not in allowed:
            raise TdxvizError(f"{where}: unknown key {key!r}; {did_you_mean(str(key), allowed)}")
        check_wanted(wanted, f"{where}.{key}")

    def holds(evidence: Evidence) -> Outcome:
        good = any(all(matches(v.get(k), w) for k, w in body.items()) for v in evidence.verdicts)
        return Outcome(good, (), f"a verdict: {', '.join(map(str, body.values()))}")

    return holds


WORDS: dict[str, Callable[[object, Sequence[str], str, int], Check]] = {
    "seen": _seen,
    "never": _never,
    "count": _count,
    "order": _order,
    "within": _within,
    "state": _state,
    "answer": _answer,
    "select": _select,
    "verdict": _verdict,
    "all": _all,
    "any": _any,
    "not": _not,
}
