"""A leaf's call as it ran: which check it came to, what it answered, every part of it in words."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tdxviz.core.arch import exits, sept
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME, LEAVES, Leaf
from tdxviz.core.arch.state_table import PAGE_TYPES
from tdxviz.core.events import LeafReturned, SeamcallHeld
from tdxviz.core.tdx.dispatch import VERSIONED, is_modelled
from tdxviz.core.tdx.guest_leaves import BODIES as GUEST_BODIES

CLASSES = {
    0x00: "general, or a TD exit", 0x01: "operand", 0x02: "resource busy", 0x03: "page metadata (PAMT)",
    0x04: "dependent pages", 0x05: "system state", 0x06: "TD state", 0x07: "vCPU state", 0x08: "key or HKID",
    0x09: "platform configuration", 0x0A: "TDMR or PAMT configuration", 0x0B: "Secure EPT",
    0x0C: "metadata access", 0x0D: "service TD", 0x0E: "migration", 0x10: "report verification",
    0x11: "TD partitioning",
}  # fmt: skip
"""Status bits 47:40. Source: tdx-architecture 6."""
GUEST_VERSIONED = frozenset({"TDG.VM.RD"})
"""Source: tdx-architecture 4, the dispatcher's own checks."""
_PUBLIC = {code: name for name, code in sept.PUBLIC.items()}
_TYPES = {code: name for name, code in PAGE_TYPES.items()}


@dataclass(frozen=True, slots=True)
class CheckRow:
    """``mark``: ``passed``, ``failed``, ``next`` or ``open`` (not reached, or no call to show)."""

    number: int
    text: str
    status: str
    mark: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """``bits``: parts of the status, label and words. ``outputs``: register, value, meaning."""

    good: bool
    status: str
    hex: str
    sentence: str
    bits: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str, str], ...]


def modelled(leaf: Leaf) -> bool:
    return is_modelled(leaf) if leaf.side == "host" else leaf.name in GUEST_BODIES


def names() -> tuple[str, ...]:
    """Every leaf, host side first, by name."""
    return tuple(leaf.name for leaf in sorted(LEAVES, key=lambda leaf: (leaf.side == "guest", leaf.name)))


def versions(leaf: Leaf) -> tuple[int, ...]:
    return (0, 1) if leaf.name in VERSIONED or leaf.name in GUEST_VERSIONED else (0,)


class Calls:
    """Which events of a growing timeline are completed calls."""

    def __init__(self) -> None:
        self.seen = 0
        self._at: list[int] = []
        self._of: dict[str, list[int]] = {}
        self._held: list[int] = []

    def grow(self, events: Sequence[Any]) -> None:
        if len(events) < self.seen:
            self.seen, self._at, self._of, self._held = 0, [], {}, []
        for number in range(self.seen, len(events)):
            event = events[number]
            if isinstance(event, LeafReturned):
                self._at.append(number)
                self._of.setdefault(event.name, []).append(number)
            elif isinstance(event, SeamcallHeld):
                self._held.append(number)
        self.seen = len(events)

    def last(self, index: int, name: str = "") -> int | None:
        """Number of the last completed call (of this leaf) among the first ``index`` events."""
        found = self._of.get(name, []) if name else self._at
        place = bisect_left(found, index)
        return found[place - 1] if place else None

    def held(self, index: int) -> int | None:
        """Number of the last call that stayed inside the module, among the first ``index`` events."""
        place = bisect_left(self._held, index)
        return self._held[place - 1] if place else None


def failing(leaf: Leaf, event: LeafReturned) -> int | None:
    """Index of the check that failed; None on success, or when the dispatcher refused before any."""
    return leaf.failed(event.status, event.passed)


def checks(
    leaf: Leaf, event: LeafReturned | SeamcallHeld | None, *, at_end: bool = False
) -> tuple[CheckRow, ...]:
    """The row's checks in order, ticked as far as the call came; the one that a held call stands before
    is ``next``, unless it stands ``at_end``, before its effects."""
    stop = failing(leaf, event) if isinstance(event, LeafReturned) else None
    stands = event.passed if isinstance(event, SeamcallHeld) and not at_end else None
    rows: list[CheckRow] = []
    for number, check in enumerate(leaf.checks):
        status = check.status + (f" | {check.operand}" if check.operand else "")
        mark = "open"
        if event is not None and number < event.passed:
            mark = "passed"
        elif number == stop:
            mark = "failed"
        elif number == stands:
            mark = "next"
        reason = event.reason if isinstance(event, LeafReturned) and number == stop else ""
        rows.append(CheckRow(number + 1, check.text, status, mark, reason))
    return tuple(rows)


def answer(event: LeafReturned) -> Answer:
    """The completion in words."""
    leaf = BY_NAME.get(event.name)
    error = bool(event.status & s.ERROR)
    name = s.name_of(event.status)
    outputs = tuple(
        (register, f"{value:#x}", _output(leaf, event, register, value))
        for register, value in event.outputs.items()
        if register != "RAX"
    )
    return Answer(
        not error, name, f"{event.status:#018x}", _sentence(leaf, event, error), status_bits(event), outputs
    )


def _sentence(leaf: Leaf | None, event: LeafReturned, error: bool) -> str:
    if not error:
        return event.reason or f"{event.name} completed."
    stop = failing(leaf, event) if leaf else None
    if stop is not None:
        return f"Check {stop + 1} failed: {event.reason}."
    where = (
        "The dispatcher refused it before the leaf ran"
        if not event.passed
        else f"Refused after {event.passed} checks"
    )
    return f"{where}: {event.reason}."


def status_bits(event: LeafReturned) -> tuple[tuple[str, str], ...]:
    """Bits 63 to 32 and the low half, each with its meaning. Source: tdx-architecture 6."""
    value = event.status
    kind = value >> 40 & 0xFF
    rows = [
        ("63 ERROR", "1: an error" if value & s.ERROR else "0: success, information or a TD exit"),
        (
            "62 NON_RECOVERABLE",
            "1: repeated as it is it fails again; change something first" if value >> 62 & 1 else "0",
        ),
        ("61 FATAL", "1: the TD can never run again" if value >> 61 & 1 else "0"),
        ("60 HOST_RECOVERABILITY_HINT", str(value >> 60 & 1)),
        ("47:40 CLASS", f"{kind:#04x} {CLASSES.get(kind, 'unknown')}"),
        ("39:32 code", f"{value >> 32 & 0xFF:#04x}"),
    ]
    operand = s.operand_of(value)
    low = value & 0xFFFF_FFFF
    if operand is not None:
        rows.append(("31:0 operand", operand))
    elif event.name.endswith("VP.ENTER") and not value & s.ERROR:
        rows.append(("31:0 VMX exit reason", f"{low} {exits.NAMES.get(low, '')}".strip()))
    else:
        rows.append(("31:0 details", f"{low:#x}"))
    return tuple(rows)


def _output(leaf: Leaf | None, event: LeafReturned, register: str, value: int) -> str:
    """What the row says of an output, and its parts where they are known."""
    words = leaf.outputs.get(register, "") if leaf else ""
    if event.status & s.ERROR and not any(v for name, v in event.outputs.items() if name != "RAX"):
        return "no details: this error tells none in registers"
    if words.endswith("on error") and not event.status & s.ERROR:
        return "says something on errors only"
    if "level/state" in words or "level 2:0, state 15:8" in words:
        state = _PUBLIC.get(value >> 8 & 0xFF, "no state")
        return f"level {value & 7}, {state}"
    if "page type" in words:
        return f"page type {_TYPES.get(value, value)}"
    return words


def describe(leaf: Leaf, event: LeafReturned | SeamcallHeld | None) -> str:
    """The inspector in words."""
    head = f"Leaf {leaf.name}, number {leaf.number}: {leaf.purpose or 'no description'}."
    if not modelled(leaf):
        head += " Not modelled yet."
    if event is None:
        return f"{head} It has not been called by now. {len(leaf.checks)} checks."
    if isinstance(event, SeamcallHeld):
        locks = ", ".join(event.locks) or "nothing"
        return f"{head} It is inside the module: {event.passed} of {len(leaf.checks)} checks passed, locked: {locks}."
    told = answer(event)
    return f"{head} It answered {told.status}. {told.sentence} {event.passed} of {len(leaf.checks)} checks passed."
