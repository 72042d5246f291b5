"""What a processor's branch predictor has learned, from whom, and what swept it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from tdxviz.core import events as e
from tdxviz.ui.present.hexes import actor_title, owner_token, spaced
from tdxviz.ui.present.questions import Questions

CELLS = 32
"""The history is drawn as so many cells of two bits."""


@dataclass(frozen=True, slots=True)
class Learned:
    """One entry: ``kind`` is ``target`` (BTB) or ``return`` (RSB)."""

    kind: str
    owner: str
    letter: str
    words: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """A flush, newest first; ``index`` is where on the timeline it has just happened."""

    name: str
    words: str
    index: int


@dataclass(frozen=True, slots=True)
class PredictorPicture:
    title: str
    detail: str
    learned: tuple[Learned, ...]
    history: tuple[int, ...]
    sweeps: tuple[Sweep, ...]
    caption: str


class Flushes:
    """Numbers of the events that tell of a flush. Each event of a growing story is looked at once."""

    def __init__(self) -> None:
        self._events: Sequence[e.Event] = ()
        self._known = 0
        self._numbers: list[int] = []

    def before(self, events: Sequence[e.Event], index: int) -> list[int]:
        """Those among the first ``index`` events, in order."""
        if events is not self._events or len(events) < self._known:
            self._events, self._known, self._numbers = events, 0, []
        for number in range(self._known, len(events)):
            if isinstance(events[number], e.IbpbIssued | e.BranchHistoryCleared):
                self._numbers.append(number)
        self._known = len(events)
        return self._numbers[: bisect_left(self._numbers, index)]


def picture(
    ask: Questions, events: Sequence[e.Event], index: int, lp: int, flushes: Flushes | None = None
) -> PredictorPicture:
    """Everything the panel shows of one logical processor. ``flushes``: kept from picture to picture."""
    predictor = ask.machine.platform.lps[lp].predictor
    learned = (
        *(_target(one.branch, one.target, one.trainer) for one in reversed(predictor.targets.values())),
        *(_return(at, who) for at, who in reversed(predictor.returns)),
    )
    history = tuple(predictor.history >> 2 * n & 3 for n in reversed(range(CELLS)))
    owners = sorted({one.letter for one in learned})
    used = f"{len(predictor.targets)} targets, {len(predictor.returns)} returns"
    return PredictorPicture(
        f"Branch predictor of LP{lp}", used, learned, history, _sweeps(events, (flushes or Flushes()).before(events, index), lp),
        _caption(ask, lp, owners),
    )  # fmt: skip


def _letter(actor: str) -> str:
    if actor.startswith("td-"):
        return actor[-1].upper()
    return "V" if actor.startswith("vm-") else "H"


def _target(branch: int, target: int, who: str) -> Learned:
    words = f"{branch & 0xFFFF_FFFF:08x} → {target & 0xFFFF_FFFF:08x}"
    tip = (
        f"Branch target buffer: the indirect branch at {spaced(branch)} last went to {spaced(target)}; "
        f"{actor_title(who)} executed it. The processor keeps no owner, only the low bits of the address."
    )
    return Learned("target", owner_token(who), _letter(who), words, tip)


def _return(at: int, who: str) -> Learned:
    tip = f"Return stack buffer: the next RET is expected to go to {spaced(at)}; {actor_title(who)} called."
    return Learned("return", owner_token(who), _letter(who), f"RET → {at & 0xFFFF_FFFF:08x}", tip)


def _sweeps(events: Sequence[e.Event], numbers: list[int], lp: int) -> tuple[Sweep, ...]:
    """The last flushes on this processor, newest first."""
    found: list[Sweep] = []
    for at in reversed(numbers):
        event = events[at]
        if event.lp != lp:
            continue
        if isinstance(event, e.IbpbIssued):
            found.append(Sweep("IBPB", f"{event.entries} entries: {event.reason}", at + 1))
        elif isinstance(event, e.BranchHistoryCleared):
            found.append(Sweep("history", event.reason, at + 1))
        if len(found) == 4:
            break
    return tuple(found)


def _caption(ask: Questions, lp: int, owners: Sequence[str]) -> str:
    mode = ask.machine.platform.lps[lp].mode
    runs = {"td": "a TD", "vm": "an ordinary VM", "host": "the host"}[mode]
    if not owners:
        return f"Nothing learned: whoever runs here next ({runs} now) is steered by nobody."
    return f"{', '.join(owners)} trained what is here; {runs} runs. A branch that collides follows the trainer's target."


def describe(shown: PredictorPicture) -> str:
    entries = "; ".join(f"{one.letter} {one.words}" for one in shown.learned[:8]) or "no entries"
    sweeps = "; ".join(f"{one.name}, {one.words}" for one in shown.sweeps) or "nothing swept yet"
    return f"{shown.title}: {shown.detail}. {entries}. Swept: {sweeps}. {shown.caption}"
