"""Two machines after the same actions, as rows that can be laid side by side."""

from dataclasses import dataclass
from typing import Any

from tdxviz.ui.present.ask import Ask

DEFAULT_LINE = 0x0041_3540
PICTURE = 0x0041_4000
EYES = (("guest", "Guest"), ("host", "Host software"), ("device", "Device (DMA)"), ("probe", "Bus probe"))
WORLD_TITLES = {"legacy": "LEGACY VM", "li": "TRUST DOMAIN, Li", "ci": "TRUST DOMAIN, Ci"}
OWNERS = {"legacy": "legacy", "li": "td_a", "ci": "td_a"}


@dataclass(frozen=True, slots=True)
class Row:
    """What one pair of eyes gets of the picture and of the line."""

    actor: str
    title: str
    data: bytes | None
    kind: str
    reason: str
    picture: bytes | None


@dataclass(frozen=True, slots=True)
class Side:
    world: str
    title: str
    owner: str
    hpa: int
    rows: tuple[Row, ...]
    palette: tuple[int, ...]
    word: str
    shape: str
    sentence: str


def side(ask: Ask, focus: Any, verdict: Any) -> Side:
    """Everything the comparison shows of one machine; all of it from ``observe``."""
    hpa = (focus.hpa if focus.hpa is not None else DEFAULT_LINE) & ~0x3F
    rows = []
    for actor, title in EYES:
        line, picture = ask.seen(actor, hpa, 64), ask.seen(actor, PICTURE, 4096)
        shown = picture.data if picture.kind != "poison" else None
        data = None if line.kind in ("poison", "refused") else line.data
        rows.append(Row(actor, title, data, line.kind, line.reason, shown))
    return Side(
        ask.world,
        WORLD_TITLES[ask.world],
        OWNERS[ask.world],
        hpa,
        tuple(rows),
        ask.palette(),
        verdict.word if verdict else "",
        verdict.shape if verdict else "",
        verdict.sentence if verdict else "",
    )


def other_verdict(session: Any, moment: Any) -> Any:
    """The newest verdict of the other world after as many actions as are shown here."""
    other = session.branches[session.branch].timeline(moment.compare.world)
    done = session.timeline.actions_at(moment.index)
    found = [entry.verdict for entry in other.entries[:done] if entry.verdict]
    return found[-1] if found else None


def differing(row: Row, against: Row | None) -> frozenset[int]:
    """Offsets of the bytes that the two worlds do not share."""
    if against is None or row.data is None or against.data is None:
        return frozenset()
    pairs = zip(row.data, against.data, strict=False)
    return frozenset(n for n, (a, b) in enumerate(pairs) if a != b)


def difference(a: Side, b: Side) -> str:
    """One sentence about where the two worlds part."""
    same, parted = [], []
    for left, right in zip(a.rows, b.rows, strict=True):
        equal = left.data == right.data and left.kind == right.kind
        (same if equal else parted).append(left.title.lower())
    words = f"Line {a.hpa:#x}, after the same actions. "
    if not parted:
        return words + "All four see the same in both worlds."
    return words + f"Same for: {', '.join(same) or 'nobody'}. Different for: {', '.join(parted)}."


@dataclass(frozen=True, slots=True)
class Step:
    """One action as it went in one world. ``word`` and ``shape``: its verdict, if it was an attack."""

    title: str
    word: str
    shape: str
    end: int
    """Index after it, in its own world."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The same actions in both worlds, column by column. ``done``: how many are complete."""

    other: tuple[Step, ...]
    this: tuple[Step, ...]
    done: int

    def differs(self, number: int) -> bool:
        """Whether the two worlds judge that action differently."""
        pair = [lane[number].word for lane in (self.other, self.this) if number < len(lane)]
        return len(set(pair)) > 1


def lanes(session: Any, moment: Any) -> Lanes | None:
    """Both timelines as rows of actions; None while nothing is compared."""
    if moment is None or moment.compare is None:
        return None
    other = session.branches[session.branch].timeline(moment.compare.world)
    done = session.timeline.actions_at(moment.index)
    return Lanes(_steps(other.entries), _steps(session.entries), done)


def _steps(entries: Any) -> tuple[Step, ...]:
    return tuple(
        Step(e.title, e.verdict.word if e.verdict else "", e.verdict.shape if e.verdict else "", e.end_event)
        for e in entries
    )
