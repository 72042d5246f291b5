"""Where the guest goes, and with what: control flow, exceptions that stop it, state after a resumption.

The fourth part of ``evidence``. Calls and returns are matched from the guest's own instructions.
"""

from functools import singledispatch
from typing import Any, Protocol

from tdxviz.core import events as e

CALL_NEAR, CALL_INDIRECT, RETURNS = 0xE8, 0xFF, (0xC3, 0xC2)
ANSWERS = (6, 21)
"""Vectors that are an answer to what somebody tried inside the guest."""
EXCEPTIONS = {6: "#UD", 20: "#VE", 21: "#CP"}
SYSCALL = b"\x0f\x05"
FRAME_SIZE = 40
MOST_CALLS = 4096


class Findings(Protocol):
    """What these rules read and write of ``evidence.Evidence``, which calls them."""

    case: Any
    """``evidence.Case``."""
    signals: list[tuple[str, str, str]]
    causes: list[int]
    alarmed: bool
    integrity: str
    control_flow: str
    granted: bool
    decided_by: str
    mapping: Any
    """``evidence_map.MapFindings``."""
    tampered: bool
    carried_out: bool
    loaded: dict[int, int]
    calls: list[int]
    before: tuple[int, int, bytes] | None
    arrived: int

    @property
    def at(self) -> int: ...
    def signal(self, observer: str, kind: str, name: str) -> None: ...


@singledispatch
def weigh(event: e.Event, found: Findings) -> None:
    """Take one event into account; most say nothing about where the guest goes."""


@weigh.register
def _(event: e.InstructionRetired, found: Findings) -> None:
    """A RET that leads elsewhere than behind its CALL: somebody else chose the way."""
    if event.actor != found.case.guest:
        return
    found.mapping.in_gap = event.code[:2] == SYSCALL
    if found.case.position != "inside":
        return
    if found.before is not None:
        _, after, code = found.before
        if _is_call(code) and event.rip != after and len(found.calls) < MOST_CALLS:
            found.calls.append(after)
        elif code[:1] and code[0] in RETURNS and found.calls and event.rip != found.calls.pop():
            found.control_flow = "lost"
            found.causes.append(found.at)
            found.decided_by = found.decided_by or "nothing: a RET follows whatever lies on the stack"
    found.before = (event.rip, event.rip + len(event.code), event.code)


def _is_call(code: bytes) -> bool:
    bare = code.lstrip(bytes(range(0x40, 0x50)))  # REX prefixes
    return bare[:1] == bytes([CALL_NEAR]) or bool(
        bare[:1] == bytes([CALL_INDIRECT]) and bare[1:2] and bare[1] >> 3 & 7 == 2
    )


@weigh.register
def _(event: e.ExceptionDelivered, found: Findings) -> None:
    """The guest is told; an exception in between is no return."""
    if event.kind == "interrupt" and event.actor == found.case.guest:
        found.arrived = event.vector
    if event.actor != found.case.guest:
        return
    _framed(event, found)
    if found.case.position != "inside":
        return
    found.before = None
    if event.vector in ANSWERS:
        found.signal("TD", "exception", EXCEPTIONS[event.vector])
        found.alarmed = True
        if EXCEPTIONS[event.vector] == "#CP":
            found.integrity = "detected"
            found.decided_by = "the shadow stack remembers where the call came from"
        else:
            found.decided_by = found.decided_by or "the TDX module: there is no such instruction in a TD"


def _framed(event: e.ExceptionDelivered, found: Findings) -> None:
    """The frame went over the target: whose stack pointer was in use? SYSCALL leaves the program's."""
    case, end = found.case, event.frame + FRAME_SIZE
    if event.frame < 0 or not (0 <= case.gla < end and event.frame < case.gla + len(case.expected)):
        return
    found.mapping.framed = found.tampered = found.carried_out = True
    found.loaded.clear()
    whose = "the program's stack" if found.mapping.in_gap else "the kernel's own data"
    found.decided_by = "nothing: an exception without a stack of its own uses whatever RSP holds"
    found.signal("TD", "exception", f"{EXCEPTIONS.get(event.vector, 'exception')} frame on {whose}")


@weigh.register
def _(event: e.VmxOperationEntered, found: Findings) -> None:
    if event.actor == found.case.guest:
        found.granted = True
        found.signal("TD", "none", "VMX available")


def conclude(found: Findings) -> None:
    if found.control_flow == "lost" and not found.alarmed:
        found.signals.append(("nobody", "none", "no signal"))
    case = found.case
    if case.saved and case.saved == case.resumed:
        found.signals.append(("TD", "data", "RIP=R, registers intact"))
