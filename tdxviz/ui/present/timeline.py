"""The timeline's picture as data: lanes, and for each pixel column what happened there."""

from collections.abc import Sequence
from dataclasses import dataclass

LANES = (
    ("guest", "Guest"),
    ("module", "Module"),
    ("host", "Host"),
    ("device", "Devices"),
    ("probe", "Probe"),
)
PROBE = 4
"""Row of the probe; it is shown once a probe has acted."""
OWNER_OF_LANE = {"guest": "td_a", "module": "module", "host": "host", "device": "device", "probe": "probe"}


LETTERED = 20
"""Pixels an event must have before its letters are written."""


@dataclass(frozen=True, slots=True)
class Block:
    """Columns ``left`` to ``right`` (exclusive) of one lane hold at least one event."""

    lane: int
    left: int
    right: int
    first_event: int


def letters(name: str) -> str:
    """Two letters for an event: ``LineDecrypted`` is ``LD``."""
    return "".join(letter for letter in name if letter.isupper())[:2]


def lane_number(name: str) -> int:
    """Row of a lane name; unknown ones count as the host's."""
    names = [lane for lane, _ in LANES]
    if name.startswith(("td", "vm", "guest")):
        return 0
    return names.index(name) if name in names else 2


def column(index: float, low: float, high: float, width: int) -> float:
    """Where an event number lies on ``width`` pixels that show ``low`` to ``high``."""
    span = max(high - low, 1)
    return (index - low) / span * width


def index_at(x: float, low: float, high: float, width: int) -> int:
    return round(low + max(min(x / max(width, 1), 1.0), 0.0) * (high - low))


def codes(lanes: Sequence[str]) -> bytes:
    """One byte an event: the row of its lane. Made once per recording, searched per paint."""
    known = {name: lane_number(name) for name in set(lanes)}
    return bytes(known[name] for name in lanes)


def blocks(rows: bytes, low: float, high: float, width: int) -> list[Block]:
    """Neighbouring events of a lane become one block; no event is lost.

    ``rows`` comes from ``codes``. Cost grows with the pixels, not with the events: what falls on
    pixels that are covered already is jumped over.
    """
    span = max(high - low, 1)
    apart = width / span >= LETTERED
    first, last = max(int(low), 0), min(int(high) + 1, len(rows))
    found: list[Block] = []
    for lane in range(len(LANES)):
        start = left = right = -2
        at = rows.find(lane, first, last)
        while at >= 0:
            begin = int(column(at, low, high, width))
            end = max(int(column(at + 1, low, high, width)) - (2 if apart else 0), begin + 2)
            if start >= 0 and begin <= right + 1 and not apart:
                right = max(right, end)
            else:
                if start >= 0:
                    found.append(Block(lane, left, right, start))
                start, left, right = at, begin, end
            beyond = at + 1 if apart else int(low + right * span / width)
            at = rows.find(lane, max(at + 1, beyond), last)
        if start >= 0:
            found.append(Block(lane, left, right, start))
    return found
