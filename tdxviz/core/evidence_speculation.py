"""What a wrong prediction gave away: who steered the guest, and what the host's clock read off the cache.

A part of ``evidence``. The host's bytes come from its own timings alone; they count when they are the
guest's. No name of an attack decides anything.
"""

from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, Protocol

from tdxviz.core import events as e

ENOUGH = 4
"""So many bytes guessed one after the other are no accident."""
ISOLATION = (
    "the predictor: what was learned outside SEAM mode steers no branch of a TD, and IBPB drops the rest"
)


@dataclass
class Speculation:
    """What this part finds out."""

    trained: bool = False
    """The host's branches have taught the predictor something."""
    steered: bool = False
    """The guest followed a prediction that somebody else had trained."""
    timed: dict[int, bool] = field(default_factory=dict)
    """Number of a line of the probe -> whether it was cached, in the present round."""
    read: list[int] = field(default_factory=list)
    """What each round says: the number of the only cached line, -1 if there is no such."""


class Findings(Protocol):
    """What these rules read and write of ``evidence.Evidence``, which calls them."""

    case: Any
    """``evidence.Case``."""
    speculation: Speculation
    carried_out: bool
    leaked: bool
    leak_words: str
    decided_by: str
    got_words: str
    causes: list[int]
    signals: list[tuple[str, str, str]]

    @property
    def at(self) -> int: ...
    def signal(self, observer: str, kind: str, name: str) -> None: ...


@singledispatch
def weigh(event: e.Event, found: Findings) -> None:
    """Take one event into account; most say nothing about predictions."""


@weigh.register
def _(event: e.HostBranched, found: Findings) -> None:
    found.speculation.trained = found.carried_out = True
    found.causes.append(found.at)


@weigh.register
def _(event: e.SpeculationBegan, found: Findings) -> None:
    if event.actor == found.case.guest != event.trainer:
        found.speculation.steered = True
        found.causes.append(found.at)


@weigh.register
def _(event: e.HostTimed, found: Findings) -> None:
    """The host has flushed these lines before; a cached one was used by somebody since."""
    mine, lines = found.speculation, found.case.probe
    if event.hpa not in lines:
        return
    mine.timed[lines.index(event.hpa)] = not event.slow
    if len(mine.timed) == len(lines):
        cached = [number for number, here in mine.timed.items() if here]
        mine.read.append(cached[0] if len(cached) == 1 else -1)
        mine.timed.clear()
        if len(cached) == 1:
            found.causes.append(found.at)


def conclude(found: Findings) -> None:
    mine, case = found.speculation, found.case
    read = bytes(value & 0xFF for value in mine.read)
    if len(read) >= ENOUGH and -1 not in mine.read and case.expected.startswith(read):
        shown = f'"{read.decode()}"' if read.isascii() and read.decode().isprintable() else read.hex(" ")
        found.leaked, found.leak_words = True, f"the guest's secret bytes {shown}, read off the cache"
        found.decided_by = "nothing: the processor follows whoever trained it last"
        found.signals.append(("host", "data", "leaked bytes by timing"))
    elif mine.trained and not mine.steered and case.world != "legacy":
        found.decided_by = ISOLATION
        found.signals.append(("TD", "none", "no signal for predictor isolation"))
