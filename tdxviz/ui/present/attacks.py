"""What the attack cards say."""

from dataclasses import dataclass
from typing import Any

WORLD_SHORT = {"legacy": "Legacy", "li": "Li", "ci": "Ci"}


@dataclass(frozen=True, slots=True)
class CardText:
    id: str
    title: str
    who: str
    what: str
    where: str
    question: str
    position: str
    results: tuple[tuple[str, str, str], ...]
    """World, word, shape of the newest verdict in each world where it was played."""


def cards(attacks: Any, session: Any) -> list[CardText]:
    """One card an attack, with what came of it in this story."""
    verdicts = newest_verdicts(session)
    return [
        CardText(
            a.id,
            a.title,
            a.who,
            a.what,
            a.where,
            a.question,
            a.position,
            tuple((w, *verdicts[a.id, w]) for w in WORLD_SHORT if (a.id, w) in verdicts),
        )
        for a in attacks
    ]


def newest_verdicts(session: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """(attack, world) -> word and shape, over all timelines of the current branch."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for world, timeline in session.branches[session.branch].timelines.items():
        for entry in timeline.entries:
            if entry.verdict is not None:
                found[entry.verdict.attack, world] = entry.verdict.word, entry.verdict.shape
    return found
