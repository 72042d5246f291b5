"""One access as a film of numbered stills, each of them a real event of the machine.

A film is the run of events from the first micro-operation of an access to the event that ends it.
A still names the box at which the access stands after its event and what it does next, so that
``translate, look in the cache, ask the memory engine, fetch, decrypt and check, fill`` are
``AccessBegan, TlbHit, CacheMissed, LineFetched, LineDecrypted, LineFilled`` in this order.
"""

from collections.abc import Sequence

from tdxviz.core import events as e
from tdxviz.ui.present import film_access, film_acts
from tdxviz.ui.present.film_parts import Cutter, Film

ENDS = (
    e.MemoryLoaded, e.MemoryStored, e.HostLoaded, e.HostStored, e.HostFaulted,
    e.HostRegistersRead, e.DmaMapped, e.DmaLoaded, e.DmaStored, e.IommuFaulted, e.BusCaptured,
    e.BusInjected, e.BitFlipped, e.DimmDumped, e.CommandRefused, e.MachineCheckRaised,
    e.LeafReturned, e.SeamcallFailed, e.TdEntered, e.VmEntered, e.VmExited, e.VmConfigured,
    e.ExceptionDelivered, e.VeInjected, e.CpuidAnswered, e.InterruptArrived,
    e.InstructionNotModelled, e.TlbFlushed,
)  # fmt: skip
"""Events after which something else begins."""


def bounds(events: Sequence[e.Event], index: int) -> tuple[int, int]:
    """First and last position of the film that event number ``index`` (from 1) belongs to."""
    at = min(index, len(events)) - 1
    while at > 0 and isinstance(events[at], e.InstructionRetired):
        at -= 1
    first = at
    while first > 0 and not _opens(events[first]) and not _closes(events[first - 1]):
        first -= 1
    last = at
    while last < len(events) - 1 and not _closes(events[last]) and not _opens(events[last + 1]):
        last += 1
    return first, last


def _opens(event: e.Event) -> bool:
    return isinstance(event, e.AccessBegan)


def _closes(event: e.Event) -> bool:
    return isinstance(event, (*ENDS, e.InstructionRetired))


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
    while index < len(events) and isinstance(events[index - 1], e.InstructionRetired):
        index += 1
    film = film_at(events, index)
    return film.stills[0].event + 1 if film and film.stills else index


def _take(cutter: Cutter, event: e.Event) -> None:
    done = film_access.take(cutter, event) or film_acts.take(cutter, event)
    if not done and not isinstance(event, (e.InstructionRetired, e.UcnaLogged)):
        cutter.still("act", type(event).__name__, "", "module")
    cutter.position += 1
