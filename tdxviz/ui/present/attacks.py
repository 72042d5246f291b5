"""What the attack cards say."""

from dataclasses import dataclass
from typing import Any

WORLD_SHORT = {"legacy": "Legacy", "li": "Li", "ci": "Ci"}


Results = tuple[tuple[str, str, str], ...]
"""World, word, shape of the newest verdict in each world where it was played."""


@dataclass(frozen=True, slots=True)
class Way:
    """The same idea done in another way."""

    id: str
    title: str
    results: Results


@dataclass(frozen=True, slots=True)
class CardText:
    id: str
    title: str
    who: str
    what: str
    where: str
    question: str
    position: str
    results: Results
    ways: tuple[Way, ...] = ()

    def has(self, words: list[str]) -> bool:
        """Whether all of the words, in lower case, stand on the card."""
        ways = " ".join(f"{way.id} {way.title}" for way in self.ways)
        text = f"{self.id} {self.title} {self.who} {self.what} {self.where} {ways}".lower()
        return all(word in text for word in words)


def cards(attacks: Any, session: Any) -> list[CardText]:
    """One card an attack, with what came of it in this story."""
    verdicts = newest_verdicts(session)

    def results(name: str) -> Results:
        return tuple((w, *verdicts[name, w]) for w in WORLD_SHORT if (name, w) in verdicts)

    return [
        CardText(
            a.id,
            a.title,
            a.who,
            a.what,
            a.where,
            a.question,
            a.position,
            results(a.id),
            tuple(Way(v.id, v.title, results(v.id)) for v in a.variants),
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
