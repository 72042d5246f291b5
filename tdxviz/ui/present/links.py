"""What the views point at together: the place in question, and which drawn things a focus touches.

A ``Focus`` may name a host-physical address, a guest-physical one, an event and a register; every
view frames what it draws of that place (screen design 5.7).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tdxviz.core.units import LINE, PAGE, Gpa, Hpa, line_of, page_of
from tdxviz.ui.present.ask import SECRET, Ask

if TYPE_CHECKING:  # the core is heavy and must not be imported before the first paint
    from tdxviz.session.moment import Focus

FRAME = (1 << 47) - 1
"""A GPA without its SHARED bit (47)."""


def place(moment: Any, ask: Ask, events: Sequence[Any]) -> Hpa:
    """The line chosen by the learner, else the one the present access is about, else the secret."""
    chosen = chosen_place(moment.focus, ask, events)
    if chosen is not None:
        return line_of(chosen)
    from tdxviz.ui.present.films import film_at

    index = moment.index
    film = ask.once(("film", index, len(events)), lambda: film_at(events, index))
    return line_of(film.hpa) if film and film.hpa is not None else SECRET


def chosen_place(focus: "Focus | None", ask: Ask, events: Sequence[Any]) -> Hpa | None:
    """Host-physical address a focus names, directly, through its GPA or through its event."""
    if focus is None:
        return None
    if focus.hpa is not None:
        return focus.hpa
    if focus.gpa is not None:
        return ask.walk(focus.gpa).hpa
    if focus.event is not None and 0 <= focus.event < len(events):
        return getattr(events[focus.event], "hpa", None)
    return None


def on_page(focus: "Focus | None", hpa: Hpa) -> bool:
    return focus is not None and focus.hpa is not None and page_of(focus.hpa) == page_of(hpa)


def on_line(focus: "Focus | None", hpa: Hpa) -> bool:
    return focus is not None and focus.hpa is not None and line_of(focus.hpa) == line_of(hpa)


def in_range(focus: "Focus | None", low: Hpa, size: int) -> bool:
    return focus is not None and focus.hpa is not None and low <= focus.hpa < low + size


def on_gpa(focus: "Focus | None", gpa: Gpa, size: int = PAGE) -> bool:
    """Whether the focus lies in the ``size``-aligned range of guest memory that holds ``gpa``."""
    if focus is None or focus.gpa is None:
        return False
    return (focus.gpa & FRAME) // size == (gpa & FRAME) // size


def on_register(focus: "Focus | None", name: str) -> bool:
    return focus is not None and focus.register == name


def touched_lines(events: Sequence[Any]) -> frozenset[Hpa]:
    """Lines whose content these events changed, in memory or in the cache."""
    lines: set[Hpa] = set()
    for event in events:
        if type(event).__name__ in CHANGES or getattr(event, "fresh", False):
            size = max(len(getattr(event, "data", b"")), 1)
            lines.update(range(line_of(event.hpa), event.hpa + size, LINE))
    return frozenset(lines)


CHANGES = frozenset({"LineWritten", "MemoryStored", "HostStored", "DmaStored", "BusInjected", "BitFlipped"})
"""Events after which a line holds something else."""


def latest(moment: Any) -> tuple[Any, ...]:
    """The events of the step just made; after a jump the last one shown."""
    if moment.news:
        return moment.news
    return (moment.event,) if moment.event is not None else ()
