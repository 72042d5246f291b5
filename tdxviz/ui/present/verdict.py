"""The verdict banner in plain values. The judgement itself is made in the core, from events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tdxviz.ui.present import compare

PROPERTIES = ("confidentiality", "integrity", "availability", "freshness")
ROLES = {"kept": "good", "lost": "bad", "detected": "warn", "ended": "warn"}


class Signalled(Protocol):
    """What ``core.verdict.Signal`` has."""

    @property
    def observer(self) -> str: ...
    @property
    def name(self) -> str: ...


class Judged(Protocol):
    """What the banner reads of ``core.verdict.Verdict``, beside the four properties."""

    @property
    def word(self) -> str: ...
    @property
    def shape(self) -> str: ...
    @property
    def sentence(self) -> str: ...
    @property
    def decided_by(self) -> str: ...
    @property
    def signals(self) -> Sequence[Signalled]: ...
    @property
    def causes(self) -> tuple[int, ...]: ...
    @property
    def attack(self) -> str: ...


@dataclass(frozen=True)
class Property:
    name: str
    state: str
    role: str


@dataclass(frozen=True)
class Banner:
    """``shape`` empty: no attack yet."""

    word: str
    shape: str
    sentence: str
    properties: tuple[Property, ...] = ()
    decided_by: str = ""
    signals: str = ""
    why: str = ""
    causes: tuple[int, ...] = ()
    """Event numbers of the timeline, from 0."""
    attack: str = ""
    """Its id."""
    other: tuple[str, str, str] = ("", "", "")
    """The other world, and word and shape of its verdict where it is known."""


NEUTRAL = Banner(
    "No attack yet", "",
    "The verdict on an attack appears here, decided by what really happened.",
)  # fmt: skip


def verdict_of(moment: Any) -> Judged | None:
    """The verdict to show: in the middle of an attack that one's, so that stepping through its
    causes keeps it in sight; else the newest finished one's."""
    if moment is None:
        return None
    entry = getattr(moment, "entry", None)
    if entry is not None and entry.verdict is not None and moment.index < entry.end_event:
        return entry.verdict
    return moment.verdict


def other_side(session: Any, moment: Any) -> tuple[str, str, str]:
    """The other world by its name, and its verdict's word and shape if it is played beside this one."""
    if moment is None:
        return ("", "", "")
    name = "a TD" if session.world == "legacy" else "the legacy VM"
    found = compare.other_verdict(session, moment) if getattr(moment, "compare", None) is not None else None
    return (name, found.word, found.shape) if found is not None else (name, "", "")


def banner(verdict: Judged | None, other: tuple[str, str, str] = ("", "", "")) -> Banner:
    """What to show for ``core.verdict.Verdict``, or for none."""
    if verdict is None:
        return NEUTRAL
    properties = tuple(
        Property(name.capitalize(), state, ROLES.get(state, "text"))
        for name in PROPERTIES
        if (state := str(getattr(verdict, name)))
    )
    count = len(verdict.causes)
    return Banner(
        word=verdict.word,
        shape=verdict.shape,
        sentence=verdict.sentence,
        properties=properties,
        decided_by=verdict.decided_by,
        signals=", ".join(f"{s.observer}: {s.name}" for s in verdict.signals),
        why=f"why? ▸ {count} event{'' if count == 1 else 's'}" if count else "",
        causes=tuple(verdict.causes),
        attack=verdict.attack,
        other=other,
    )


def grouped(properties: tuple[Property, ...]) -> tuple[Property, ...]:
    """The same facts in fewer words: one entry a state, in the order of first appearance."""
    states = dict.fromkeys(p.state for p in properties)
    made: list[Property] = []
    for state in states:
        same = [p for p in properties if p.state == state]
        names = ", ".join(p.name.lower() for p in same)
        made.append(Property(names[:1].upper() + names[1:], state, same[0].role))
    return tuple(made)


def next_cause(causes: tuple[int, ...], index: int) -> int | None:
    """The event to jump to: the first cause, and on further clicks the one after the present."""
    if not causes:
        return None
    if index - 1 in causes and index - 1 != causes[-1]:
        return next(cause for cause in causes if cause > index - 1)
    return causes[0]


def describe(shown: Banner) -> str:
    """The banner as a screen reader speaks it."""
    if not shown.shape:
        return "No attack yet."
    states = ", ".join(f"{p.name.lower()} {p.state}" for p in shown.properties)
    parts = [f"Verdict: {shown.word}.", shown.sentence, f"{states.capitalize()}."]
    if shown.decided_by:
        parts.append(f"Decided by {shown.decided_by}.")
    if shown.signals:
        parts.append(f"Signals: {shown.signals}.")
    if shown.causes:
        parts.append(f"{len(shown.causes)} events caused it.")
    if shown.other[1]:
        parts.append(f"In {shown.other[0]}: {shown.other[1]}.")
    return " ".join(parts)
