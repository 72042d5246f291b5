"""What an attacker can tell from the outside: pages that fault, lines that left the cache.

The third part of ``evidence``. The attacker's guess is made from what it notices alone; it counts
when it is what the guest really did.
"""

from functools import singledispatch
from typing import Any, Protocol

from tdxviz.core import events as e
from tdxviz.core.arch.exits import EPT_VIOLATION
from tdxviz.core.hw.cache import SETS
from tdxviz.core.units import LINE, Gpa, Hpa, page_of


class Findings(Protocol):
    """What these rules read and write of ``evidence.Evidence``, which calls them."""

    case: Any
    """``evidence.Case``."""
    used: list[int]
    guessed: list[int]
    primed: set[int]
    executed: int
    counted: tuple[int, int] | None
    causes: list[int]
    clocked: tuple[int, int] | None
    got_words: str
    pattern_lost: bool
    decided_by: str
    carried_out: bool
    signals: list[tuple[str, str, str]]

    @property
    def at(self) -> int: ...
    def signal(self, observer: str, kind: str, name: str) -> None: ...


@singledispatch
def weigh(event: e.Event, found: Findings) -> None:
    """Take one event into account; most say nothing about an access pattern."""


@weigh.register
def _(event: e.MemoryLoaded, found: Findings) -> None:
    """The truth: which place the guest used."""
    if event.kind != "load" or event.actor != found.case.guest:
        return
    for number, place in enumerate(found.case.choices):
        if place.hpa <= event.hpa < place.hpa + place.size:
            found.used.append(number)


@weigh.register
def _(event: e.LeafReturned, found: Findings) -> None:
    if event.name == "TDH.VP.ENTER" and event.status == EPT_VIOLATION:
        _faulted(found, event.outputs.get("R8", 0), "EPT violation TD exit")


@weigh.register
def _(event: e.VmExited, found: Findings) -> None:
    if event.gpa >= 0:
        _faulted(found, event.gpa, "EPT violation")


def _faulted(found: Findings, gpa: Gpa, name: str) -> None:
    """The host learns the page; that is enough when only one place lies in it."""
    if found.case.choices:
        _guess(found, [n for n, one in enumerate(found.case.choices) if page_of(one.gpa) == page_of(gpa)])
        found.signal("host", "vm-exit", name)


@weigh.register
def _(event: e.HostTimed, found: Findings) -> None:
    """A line that the host had loaded has left the cache: somebody used a line of the same set."""
    if event.hpa in found.primed and event.slow:
        hits = [n for n, one in enumerate(found.case.choices) if _set(one.hpa) == _set(event.hpa)]
        if hits:
            _guess(found, hits)
            found.signal("host", "data", "timing")
    found.primed.add(event.hpa)


@weigh.register
def _(event: e.InstructionRetired, found: Findings) -> None:
    if event.actor == found.case.guest:
        found.executed += 1


@weigh.register
def _(event: e.HostCounted, found: Findings) -> None:
    """Two looks at a counter: did it count what the guest did in between?"""
    if found.counted is not None:
        counted, (start, done) = event.retired, found.counted
        found.carried_out = True
        real = found.executed - done
        if real and counted - start == real:
            found.pattern_lost = True
            found.decided_by = "nothing: the host's counters run in an ordinary VM if the host wants"
            found.signal("host", "data", "event counts")
        elif real:
            found.got_words = "counts without the guest's share"
            found.decided_by = "counting is suppressed while the TD runs"
            found.signal("host", "data", "counts without the TD's share")
    found.counted = (event.retired, found.executed)


@weigh.register
def _(event: e.HostClocked, found: Findings) -> None:
    """Time tells how many instructions the guest got, whatever stepped it."""
    if found.clocked is not None:
        tsc, done = found.clocked
        found.carried_out = True
        real = found.executed - done
        if real and event.tsc - tsc == real:
            found.pattern_lost = True
            found.causes.append(found.at)
            found.decided_by = "nothing: how long the guest ran can be measured from the outside"
            if found.case.world == "legacy":
                found.signal("host", "data", "instruction count")
    found.clocked = (event.tsc, found.executed)


def _set(hpa: Hpa) -> int:
    return hpa // LINE % SETS


def _guess(found: Findings, candidates: list[int]) -> None:
    found.carried_out = True
    if len(candidates) == 1 and found.guessed[-1:] != candidates:
        found.guessed += candidates


def conclude(found: Findings) -> None:
    """Guessed rightly: the pattern is out. Whatever came out, nobody inside was told."""
    if found.guessed and found.guessed == found.used[: len(found.guessed)]:
        found.pattern_lost = True
        found.decided_by = "nothing: which page or cache set is used shows from the outside"
    if found.pattern_lost and found.case.world != "legacy":
        faulted = any(kind == "vm-exit" for _, kind, _ in found.signals)
        found.signals.append(("TD" if faulted else "nobody", "none", "no signal"))
