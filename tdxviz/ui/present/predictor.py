"""What a processor's branch predictor has learned, from whom, and what swept it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from tdxviz.core import events as e
from tdxviz.ui.present.hexes import actor_title, owner_token, spaced
from tdxviz.ui.present.questions import Questions

TELLING = (e.IbpbIssued, e.BranchHistoryCleared, e.SpeculationBegan, e.SpeculationSquashed)
WORD = 0xFFFF_FFFF
MOST_STRAYS = 3
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
class Stray:
    """A wrong prediction, newest first; ``owner`` and ``letter`` are the trainer's, ``lines`` the addresses
    of what the cache kept of it, ``index`` where on the timeline it is over (or as far as it is)."""

    owner: str
    letter: str
    words: str
    tooltip: str
    lines: tuple[int, ...]
    index: int


@dataclass(frozen=True, slots=True)
class PredictorPicture:
    title: str
    detail: str
    learned: tuple[Learned, ...]
    history: tuple[int, ...]
    sweeps: tuple[Sweep, ...]
    strays: tuple[Stray, ...]
    caption: str


class Flushes:
    """Numbers of the events that tell of a flush or of a wrong prediction. Each event of a growing story is looked at once."""

    def __init__(self) -> None:
        self._events: Sequence[e.Event] = ()
        self._known = 0
        self._numbers: list[int] = []

    def before(self, events: Sequence[e.Event], index: int) -> list[int]:
        """Those among the first ``index`` events, in order."""
        if events is not self._events or len(events) < self._known:
            self._events, self._known, self._numbers = events, 0, []
        for number in range(self._known, len(events)):
            if isinstance(events[number], TELLING):
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
    used = ", ".join(
        f"{len(some)} {word}{'' if len(some) == 1 else 's'}"
        for word, some in (("target", predictor.targets), ("return", predictor.returns))
    )
    told = (flushes or Flushes()).before(events, index)
    return PredictorPicture(
        f"Branch predictor of LP{lp}", used, learned, history, _sweeps(events, told, lp),
        _strays(events, told, index, lp), _caption(ask, lp, owners),
    )  # fmt: skip


def _letter(actor: str) -> str:
    if actor.startswith("td-"):
        return actor[-1].upper()
    return "V" if actor.startswith("vm-") else "H"


def _target(branch: int, target: int, who: str) -> Learned:
    words = f"{branch & WORD:08x} → {target & WORD:08x}"
    tip = (
        f"Branch target buffer: the indirect branch at {spaced(branch)} last went to {spaced(target)}; "
        f"{actor_title(who)} executed it. The processor keeps no owner, only the low bits of the address."
    )
    return Learned("target", owner_token(who), _letter(who), words, tip)


def _return(at: int, who: str) -> Learned:
    tip = f"Return stack buffer: the next RET is expected to go to {spaced(at)}; {actor_title(who)} called."
    return Learned("return", owner_token(who), _letter(who), f"RET → {at & WORD:08x}", tip)


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


def _strays(events: Sequence[e.Event], numbers: list[int], index: int, lp: int) -> tuple[Stray, ...]:
    """The last wrong predictions on this processor; the newest may still be going on."""
    found: list[Stray] = []
    end: e.SpeculationSquashed | None = None
    last = index
    for at in reversed(numbers):
        event = events[at]
        if event.lp != lp:
            continue
        if isinstance(event, e.SpeculationSquashed):
            end, last = event, at + 1
        elif isinstance(event, e.SpeculationBegan):
            found.append(_stray(event, end, last))
            end = None
            if len(found) == MOST_STRAYS:
                break
    return tuple(found)


def _stray(began: e.SpeculationBegan, end: e.SpeculationSquashed | None, index: int) -> Stray:
    way = f"{began.branch & WORD:08x} ⇢ {began.predicted & WORD:08x}, not {began.actual & WORD:08x}"
    lines = end.lines if end is not None else ()
    if end is None:
        rest, told = "executing ahead", "It is not resolved yet."
    else:
        left = f"{len(lines)} line{'' if len(lines) == 1 else 's'} left" if lines else "no line left"
        rest = f"{end.executed} undone, {left}"
        places = ", ".join(spaced(hpa) for hpa in lines) or "nothing"
        told = f"{end.executed} instructions were undone; {end.why}. New in the cache: {places}."
    tip = (
        f"The branch at {spaced(began.branch)} was predicted to go to {spaced(began.predicted)}, as "
        f"{actor_title(began.trainer)} had trained it; it went to {spaced(began.actual)}. {told}"
    )
    return Stray(owner_token(began.trainer), _letter(began.trainer), f"{way}: {rest}", tip, lines, index)


def _caption(ask: Questions, lp: int, owners: Sequence[str]) -> str:
    mode = ask.machine.platform.lps[lp].mode
    runs = {"td": "a TD", "vm": "an ordinary VM", "host": "the host"}[mode]
    if not owners:
        return f"Nothing learned: whoever runs here next ({runs} now) is steered by nobody."
    trained = f"{', '.join(owners)} trained what is here; {runs} runs."
    if ask.machine.platform.lps[lp].predictor.separate:
        return f"{trained} IBRS_ALL: a TD's branches follow only what was learned in SEAM mode, and the others what was not."
    return f"{trained} A branch that collides follows the trainer's target."


def describe(shown: PredictorPicture) -> str:
    entries = "; ".join(f"{one.letter} {one.words}" for one in shown.learned[:8]) or "no entries"
    strays = "; ".join(f"trained by {one.letter}, {one.words}" for one in shown.strays) or "none"
    sweeps = "; ".join(f"{one.name}, {one.words}" for one in shown.sweeps) or "nothing swept yet"
    return f"{shown.title}: {shown.detail}. {entries}. Swept: {sweeps}. Strayed: {strays}. {shown.caption}"
