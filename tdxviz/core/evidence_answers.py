"""What became of a host's lies: did they reach the guest, and does the guest go by them?

A part of ``evidence``. An attack says which values are made up; where they turn up is read from the
guest's own stores. No name of an attack decides anything.
"""

from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Protocol

from tdxviz.core import events as e

WORD = 4


@dataclass
class Answers:
    """What this part finds out."""

    told: bool = False
    """A made-up value is in the guest's memory."""
    believed: bool = False
    """It is where the guest keeps what it goes by."""
    ignored: bool = False
    """It reached the guest, and the guest goes by something else."""


class Findings(Protocol):
    """What these rules read and write of ``evidence.Evidence``, which calls them."""

    case: Any
    """``evidence.Case``."""
    answers: Answers
    carried_out: bool
    integrity: str
    victim_words: str
    decided_by: str
    causes: list[int]

    @property
    def at(self) -> int: ...
    def signal(self, observer: str, kind: str, name: str) -> None: ...


@singledispatch
def weigh(event: e.Event, found: Findings) -> None:
    """Take one event into account; most say nothing about answers."""


@weigh.register
def _(event: e.MemoryStored, found: Findings) -> None:
    """Words that the host made up, in the guest's own store."""
    case = found.case
    if not case.lies or event.actor != case.guest:
        return
    lies = [at for at in range(0, len(event.data), WORD) if _word(event.data, at) in case.lies]
    if not lies:
        return
    found.answers.told = found.carried_out = True
    found.causes.append(found.at)
    if any(case.hpa <= event.hpa + at < case.hpa + len(case.expected) for at in lies):
        found.answers.believed = True
        found.integrity, found.victim_words = "lost", "what the host made up"
        found.decided_by = "nothing: the guest takes the host's word"
        found.signal("TD", "data", "lies accepted")


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + WORD], "little")


def conclude(found: Findings) -> None:
    mine = found.answers
    mine.ignored = mine.told and not mine.believed
    if mine.ignored:
        found.decided_by = "the guest's own software: it goes by nothing that only the host says"
