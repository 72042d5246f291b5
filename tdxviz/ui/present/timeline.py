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
OWNER_OF_LANE = {"guest": "td_a", "module": "module", "host": "host", "device": "device", "probe": "probe"}


@dataclass(frozen=True, slots=True)
class Block:
    """Columns ``left`` to ``right`` (exclusive) of one lane hold at least one event."""

    lane: int
    left: int
    right: int
    first_event: int


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


def blocks(lanes: Sequence[str], low: float, high: float, width: int) -> list[Block]:
    """Neighbouring events of a lane become one block; cost grows with the pixels, not the events."""
    first, last = max(int(low), 0), min(int(high) + 1, len(lanes))
    rows: list[Block] = []
    open_: dict[int, list[int]] = {}
    step = max(1, (last - first) // max(width * 4, 1))
    for number in range(first, last, step):
        lane = lane_number(lanes[number])
        left = int(column(number, low, high, width))
        right = max(int(column(number + step, low, high, width)), left + 2)
        found = open_.get(lane)
        if found is not None and left <= found[1] + 1:
            found[1] = max(found[1], right)
            continue
        if found is not None:
            rows.append(Block(lane, found[0], found[1], found[2]))
        open_[lane] = [left, right, number]
    rows += [Block(lane, *found) for lane, found in open_.items()]
    return rows
