"""What stands along the timeline beside its blocks: flags of actions, the window, what an event is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tdxviz.core.units import LINE, PAGE, Hpa, line_of, page_of

LEAST_SPAN = 8
"""Events in the smallest window."""
WIDE = 22
"""Pixels at 100 % for one event in the window that opens by itself: enough for its two letters."""
EDGE = 0.08
"""Share of the window at each end where the present moment makes it move on."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One action, or several of the same in a row. Half-open range of events."""

    first: int
    end: int
    text: str
    attack: bool
    shape: str
    """Of its verdict; empty if it has none."""
    word: str


def flags(entries: Sequence[Any]) -> tuple[Flag, ...]:
    """A guest that runs in slices is one flag with a count, not one flag a slice."""
    found: list[Flag] = []
    count = 1
    for entry in entries:
        title, attack, verdict = entry.title, entry.action.name == "attack", entry.verdict
        last = found[-1] if found else None
        if last is not None and not attack and verdict is None and last.text.partition(" ×")[0] == title:
            count += 1
            found[-1] = Flag(last.first, entry.end_event, f"{title} ×{count}", False, "", "")
            continue
        count = 1
        shape, word = (verdict.shape, verdict.word) if verdict else ("", "")
        found.append(Flag(entry.first_event, entry.end_event, title, attack, shape, word))
    return tuple(found)


def opened(room: float) -> float:
    """How many events the window has room for as long as nobody zoomed: as many as can have letters,
    though there may be fewer yet."""
    return float(max(round(room / WIDE), LEAST_SPAN))


def followed(low: float, high: float, index: int, total: int) -> tuple[float, float]:
    """The window moved, and not resized, so that the present moment stands well inside it."""
    span = high - low
    margin = span * EDGE
    if index < low + margin or index > high - margin or high > total:
        low = index - span * (1 - EDGE * 2) if index > high - margin else index - span * EDGE * 2
        if index < low or index > low + span:
            low = index - span / 2
    low = min(max(low, 0.0), max(total - span, 0.0))
    return low, low + span


def brushed(one: int, other: int, total: int) -> tuple[float, float]:
    """The window between two ends of a brush stroke; a click is a window of the least span."""
    low, high = sorted((one, other))
    span = min(max(high - low, LEAST_SPAN), max(total, 1))
    start = min(max((low + high - span) / 2, 0.0), max(total - span, 0.0))
    return start, start + span


def touches(event: Any, place: Hpa | None, whole_page: bool = False) -> bool:
    """Whether an event reads, writes or moves the line (or the page) at ``place``."""
    at = getattr(event, "hpa", None)
    if at is None or place is None:
        return False
    if whole_page:
        return page_of(at) == page_of(place)
    return line_of(place) <= at < line_of(place) + LINE


def is_page(place: Hpa | None) -> bool:
    """A focus on the start of a page may mean the page: the ribbon and the map point that way."""
    return place is not None and place % PAGE == 0


def event_words(number: int, event: Any, lane: str) -> str:
    """One event in a tooltip: number, name, who, and its fields."""
    from tdxviz.ui.present.console import event_line

    name, _, fields = event_line(number, event, lane).partition("  ")
    return f"{name}\n{fields}\nClick: go there"
