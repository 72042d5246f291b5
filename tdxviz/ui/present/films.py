"""One access as a film of numbered stills, each of them a real event of the machine.

A film is the run of events from the first micro-operation of an access to the event that ends it.
A still names the box at which the access stands after its event and what it does next, so that
``translate, look in the cache, ask the memory engine, fetch, decrypt and check, fill`` are
``AccessBegan, TlbHit, CacheMissed, LineFetched, LineDecrypted, LineFilled`` in this order.
"""

from collections.abc import Sequence

from tdxviz.core import events as e
from tdxviz.ui.present import film_access, film_acts, film_module
from tdxviz.ui.present.film_parts import Cutter, Film

ENDS = (
    e.MemoryLoaded, e.MemoryStored, e.HostLoaded, e.HostStored, e.HostFaulted,
    e.HostRegistersRead, e.DmaMapped, e.DmaLoaded, e.DmaStored, e.IommuFaulted, e.BusCaptured,
    e.BusInjected, e.BitFlipped, e.DimmDumped, e.CommandRefused, e.MachineCheckRaised,
    e.LeafReturned, e.SeamcallFailed, e.TdEntered, e.VmEntered, e.VmExited, e.VmConfigured,
    e.VmStateWritten, e.TimePassed, e.HostTimed, e.HostCounted, e.HostClocked, e.ReportChecked, e.VmxOperationEntered,
    e.MachineRebooted,
    e.ExceptionDelivered, e.VeInjected, e.CpuidAnswered, e.InterruptArrived,
    e.InstructionNotModelled, e.InstructionRetired, e.HostBranched, e.SpeculationBegan, e.SpeculationSquashed,
)  # fmt: skip
"""Events after which something else begins."""

SPECULATION = (e.SpeculationBegan, e.SpeculationSquashed)
"""They begin something else, whatever access was going on."""
ALONE = ("CLFLUSH", "cache pressure")
"""Reasons of evictions that are acts of their own."""


def bounds(events: Sequence[e.Event], index: int) -> tuple[int, int]:
    """First and last position of the film that event number ``index`` (from 1) belongs to."""
    at = min(index, len(events)) - 1
    while at > 0 and isinstance(events[at], e.InstructionRetired):
        at -= 1
    first = last = at
    while first > 0 and not _cut(events, first - 1):
        first -= 1
    while last < len(events) - 1 and not _cut(events, last):
        last += 1
    return first, last


def _cut(events: Sequence[e.Event], at: int) -> bool:
    """True if something else begins between event ``at`` and the next one."""
    event, following = events[at], events[at + 1]
    if isinstance(event, e.MachineCheckRaised):
        return not isinstance(following, e.HostFaulted)
    if isinstance(event, ENDS) or isinstance(following, SPECULATION) or _alone(events, at):
        return True
    if isinstance(following, e.LineEvicted):
        return following.reason.startswith(ALONE)
    # a store is probed before it begins: the probe's micro-operations belong to it
    return isinstance(following, e.AccessBegan) and not (
        following.kind == "store" and isinstance(event, e.TRACE_EVENTS)
    )


def _alone(events: Sequence[e.Event], at: int) -> bool:
    """The last event of an eviction that is an act of its own, not part of an access."""
    event = events[at]
    if isinstance(event, e.LineWritten) and at:
        event = events[at - 1]
        return isinstance(event, e.LineEvicted) and event.dirty and event.reason.startswith(ALONE)
    return isinstance(event, e.LineEvicted) and event.reason.startswith(ALONE) and not event.dirty


def film_at(events: Sequence[e.Event], index: int) -> Film | None:
    """The film shown when ``index`` events have happened; None before the first event."""
    if index <= 0 or not events:
        return None
    first, last = bounds(events, index)
    stretch = events[first : last + 1]
    cutter = Cutter(first)
    for event in stretch:
        _take(cutter, event)
    return cutter.film(last)


def neighbour(events: Sequence[e.Event], index: int, step: int) -> int:
    """Index to go to for the next (``step`` 1) or previous (-1) still, also across films.

    Returns ``index`` itself at either end of the story.
    """
    film = film_at(events, index)
    if film is None:
        return _first_still(events, 1) if step > 0 and events else index
    number = film.at(index) + step
    if 0 <= number < len(film.stills):
        return film.stills[number].event + 1
    if step > 0:
        return _first_still(events, film.last + 2) if film.last + 1 < len(events) else index
    if film.first == 0:
        return index
    before = film_at(events, film.first)
    return before.stills[-1].event + 1 if before and before.stills else film.first


def _first_still(events: Sequence[e.Event], index: int) -> int:
    """Index of the first still at or after event number ``index``; retired instructions skipped."""
    while isinstance(events[index - 1], e.InstructionRetired):
        if index == len(events):
            return index
        index += 1
    film = film_at(events, index)
    return film.stills[0].event + 1 if film and film.stills else index


def _take(cutter: Cutter, event: e.Event) -> None:
    done = any(part.take(cutter, event) for part in (film_access, film_acts, film_module))
    if not done and not isinstance(event, (e.InstructionRetired, e.UcnaLogged)):
        cutter.still("act", type(event).__name__, "", "module")
    cutter.position += 1
