"""A call on its way through its checks, asked of copies of the machine: nothing of it happens."""

from typing import Any

import msgspec

from tdxviz.core import commands as c
from tdxviz.core.arch.leaves import SEAMCALL, TDCALL, Leaf
from tdxviz.core.events import CommandRefused, LeafReturned, SeamcallFailed, SeamcallHeld, TdEntered

ALL = 10_000
"""More checks than any leaf has: a call held after these stands before its effects."""
IN_BETWEEN = "Between two micro-operations of a command: go to its end, then try."

Call = c.Seamcall | c.Tdcall


def outcome(machine: Any, command: Call) -> LeafReturned | SeamcallHeld | str:
    """What a copy of the machine answers; in words where no leaf completes and none is held."""
    if machine.frozen:
        return IN_BETWEEN
    for event in machine.copy().do(command):
        if isinstance(event, LeafReturned | SeamcallHeld):
            return event
        if isinstance(event, CommandRefused):
            return f"Refused: {event.reason}."
        if isinstance(event, SeamcallFailed):
            return f"SEAMCALL itself fails here: {event.how}."
        if isinstance(event, TdEntered):
            return f"It would enter {event.td}; the call completes at the next TD exit. Nothing has changed."
    return "The copy gave no answer."


def after(machine: Any, command: Call, checks: int) -> LeafReturned | SeamcallHeld | str:
    """The call once so many of its checks have passed: where it stands and what it has locked, or the
    refusal that it met before."""
    return outcome(machine, msgspec.structs.replace(command, hold=checks))


def at_end(machine: Any, command: Call, held: SeamcallHeld) -> bool:
    """Whether no check is left for this call; a row may have more than one version of a leaf takes."""
    further = after(machine, command, held.passed + 1)
    return isinstance(further, SeamcallHeld) and further.passed == held.passed


def unknown(number: int, side: str) -> Leaf:
    """A row for a number that no row has: the dispatcher answers it."""
    table = SEAMCALL if side == "host" else TDCALL
    return table.get(number) or Leaf(
        number, f"leaf {number}", side, "the module has no such leaf", {}, {}, (), frozenset(), ()
    )
