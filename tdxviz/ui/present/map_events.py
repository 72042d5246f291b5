"""What events say of pages: who wrote to each last, and what a single step touched."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tdxviz.core.units import PAGE

WRITERS = (
    ("not since the start", "free", "", "No event since the timeline began wrote here."),
    ("host", "host", "H", "Host software stored here last."),
    ("TD-A", "td_a", "A", "TD-A stored here last."),
    ("TD-B", "td_b", "B", "Another TD stored here last."),
    ("TDX module", "module", "M", "The module filled or saved into this page last."),
    ("device", "device", "D", "A device wrote here by DMA last."),
    ("probe", "bad", "!", "A probe on the memory bus changed the chips last."),
    ("ordinary VM", "legacy", "V", "The ordinary VM stored here last."),
)
"""Label, role, letter, words."""
HOST, TD_A, TD_B, MODULE, DEVICE, PROBE, VM = range(1, 8)
TOUCHED = (
    ("not touched", "free", "", "This step did nothing here."),
    ("named", "secondary", "·", "An event of this step is about this page."),
    ("read", "accent", "r", "This step read from this page."),
    ("table read", "meta", "t", "This step walked through a page table in this page."),
    ("changed", "warn", "w", "This step changed this page, in memory or in the cache."),
)
NAMED, READ, WALKED, CHANGED = range(1, 5)
FIRST_CONTENT = ("PT_TDR", "PT_TDCX", "PT_TDVPR", "PT_EPT")
"""Page types that the module fills when it takes the page."""
SPAN = (1, 512, 512 * 512)
_SIMPLE = {
    "HostStored": HOST, "DmaStored": DEVICE, "BusInjected": PROBE, "BitFlipped": PROBE, "StateSaved": MODULE,
}  # fmt: skip
_READS = frozenset({"MemoryLoaded", "HostLoaded", "DmaLoaded", "LineFetched", "BusCaptured", "DimmDumped"})
_CHANGES = frozenset({"LineWritten", "MemoryStored", "HostStored", "DmaStored", "BusInjected", "BitFlipped"})


def writer(event: Any) -> tuple[int, int, int] | None:
    """(writer, first page, pages) if the event wrote to memory."""
    name = type(event).__name__
    if name in _SIMPLE:
        return _SIMPLE[name], event.hpa // PAGE, _span(event)
    if name == "MemoryStored":
        code = VM if event.actor.startswith("vm") else TD_A if event.actor == "td-a" else TD_B
        return code, event.hpa // PAGE, _span(event)
    if name == "PamtChanged" and event.after in FIRST_CONTENT:
        return MODULE, event.hpa // PAGE, 1
    if name == "SeptEntryChanged" and event.after == "MAPPED" and event.before in ("FREE", "PENDING"):
        return MODULE, event.hpa // PAGE, SPAN[event.level]
    return None


def _span(event: Any) -> int:
    """Pages that the event's bytes reach over."""
    size = max(len(getattr(event, "data", b"")), 1)
    return (event.hpa + size - 1) // PAGE - event.hpa // PAGE + 1


class Written:
    """Every write of a timeline in order; grows with it, so that any moment is one assignment."""

    def __init__(self) -> None:
        self.seen = 0
        self._at: list[int] = []
        self._pages: list[int] = []
        self._who: list[int] = []

    def grow(self, events: Sequence[Any]) -> None:
        if len(events) < self.seen:
            self.seen, self._at, self._pages, self._who = 0, [], [], []
        for number in range(self.seen, len(events)):
            found = writer(events[number])
            if found is not None:
                who, first, count = found
                for page in range(first, first + count):
                    self._at.append(number)
                    self._pages.append(page)
                    self._who.append(who)
        self.seen = len(events)

    def paint(self, codes: npt.NDArray[np.uint8], index: int) -> None:
        """Mark each page with whoever wrote to it last among the first ``index`` events."""
        upto = int(np.searchsorted(self._at, index)) if self._at else 0
        pages = np.asarray(self._pages[:upto], np.int64)
        inside = (pages >= 0) & (pages < len(codes))
        codes[pages[inside]] = np.asarray(self._who[:upto], np.uint8)[inside]


def touched(codes: npt.NDArray[np.uint8], news: Sequence[Any]) -> None:
    """Mark the pages that the events of one step name, read, walk through or change."""
    for event in news:
        name = type(event).__name__
        if name == "TableRead":
            _mark(codes, event.address // PAGE, 1, WALKED)
        elif getattr(event, "hpa", None) is not None:
            changed = name in _CHANGES or getattr(event, "fresh", False) or writer(event) is not None
            code = CHANGED if changed else READ if name in _READS else NAMED
            _mark(codes, event.hpa // PAGE, _span(event), code)


def _mark(codes: npt.NDArray[np.uint8], first: int, count: int, code: int) -> None:
    if 0 <= first < len(codes):
        part = codes[first : first + count]
        np.maximum(part, code, out=part)
