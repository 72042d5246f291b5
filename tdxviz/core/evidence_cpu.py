"""What events say about a vCPU under attack: foreign code, foreign state, a dead platform, idleness.

The second half of ``evidence``; the same rule holds: no name of an attack decides anything.
"""

from functools import singledispatch
from typing import Any, Protocol

from tdxviz.core import events as e
from tdxviz.core.arch import metadata
from tdxviz.core.commands import INJECTION

INJECTION_FIELD = metadata.named(INJECTION).element_id(0)

STATE_WORDS: dict[tuple[str, ...], str] = {("RIP",): "runs at X", ("RAX",): "RAX changed"}
"""Registers that the attacker wrote -> what the guest could notice."""


class Findings(Protocol):
    """What these rules read and write of ``evidence.Evidence``, which calls them."""

    case: Any
    """``evidence.Case``."""
    alarmed: bool
    integrity: str
    availability: str
    decided_by: str
    victim_words: str
    carried_out: bool
    planted: bytes
    fetched_foreign: bool
    written_state: dict[str, int]
    causes: list[int]
    signals: list[tuple[str, str, str]]
    platform_lost: bool
    turned_away: bool
    rejected: str
    refused: bool
    injected: bool
    coped: bool
    not_injected: int

    @property
    def at(self) -> int: ...
    def signal(self, observer: str, kind: str, name: str) -> None: ...


@singledispatch
def weigh(event: e.Event, found: Findings) -> None:
    """Take one event into account; most say nothing about the vCPU."""


@weigh.register
def _(event: e.MachineCheckRaised, found: Findings) -> None:
    """Poison met by the module itself stops the processor, and TDX with it (rule R8)."""
    if event.context == "module":
        found.alarmed = True
        found.integrity, found.availability = "detected", "lost"
        found.decided_by = "the module's own read of the line failed its check"
        found.platform_lost = True
        # whoever sees a processor stop for good does not look into its log for the reason
        found.signals[:] = [one for one in found.signals if one[0] != "platform"]
        found.signal("platform", "platform", "unbreakable shutdown of the LP")


@weigh.register
def _(event: e.MachineRebooted, found: Findings) -> None:
    """Firmware's own check may keep TDX off."""
    if event.why:
        found.turned_away, found.refused, found.availability = True, True, "lost"
        found.decided_by = event.why
        found.signal("platform", "platform", event.why)


@weigh.register
def _(event: e.LeafReturned, found: Findings) -> None:
    """A module that refuses to come up: no TD, no harm."""
    if event.name == "TDH.VP.WR" and event.status >> 63 and event.inputs.get("RDX") == INJECTION_FIELD:
        found.decided_by = f"the TDX module: {event.reason}"
        found.not_injected = found.at
    if event.name.startswith("TDH.SYS.") and event.status >> 63:
        found.turned_away, found.refused, found.availability = True, True, "lost"
        found.decided_by = event.reason


@weigh.register
def _(event: e.ReportChecked, found: Findings) -> None:
    """A TD that the relying party turns down never gets a secret: the lie is detected, at the price
    of the TD's usefulness."""
    if not event.accepted:
        found.alarmed = True
        found.integrity, found.availability = "detected", "lost"
        found.rejected = event.reason
        found.decided_by = f"the report, signed for by the platform: {event.reason}"
        found.signal("verifier", "verifier", event.reason)


@weigh.register
def _(event: e.SystemStateChanged, found: Findings) -> None:
    if event.after == "SYS_READY":
        found.turned_away, found.availability = False, "kept"


@weigh.register
def _(event: e.SeamcallFailed, found: Findings) -> None:
    if event.how == "VMfailInvalid":
        found.availability = "lost"
        found.signal("host", "status", event.how)


@weigh.register
def _(event: e.MemoryLoaded, found: Findings) -> None:
    """The guest fetches what somebody put over its code."""
    case = found.case
    if event.kind != "fetch" or not found.planted or event.actor != case.guest:
        return
    offset = event.hpa - case.hpa
    if 0 <= offset < len(found.planted):
        rest = found.planted[offset : offset + len(event.data)]
        found.fetched_foreign = event.data[: len(rest)] == rest


@weigh.register
def _(event: e.InstructionRetired, found: Findings) -> None:
    """Foreign code counts when it has executed, foreign state when the guest goes on with it."""
    if event.actor != found.case.guest:
        return
    if found.fetched_foreign:
        found.integrity, found.victim_words = "lost", "instructions that the attacker chose"
        found.signal("TD", "data", "attacker's code executed")
    if found.written_state and found.integrity != "lost":
        name = STATE_WORDS.get(tuple(found.written_state), "attacker's state loaded")
        found.integrity, found.victim_words = "lost", "a state that the attacker chose"
        found.signal("TD", "data", name)
    found.fetched_foreign = False


@weigh.register
def _(event: e.VmStateWritten, found: Findings) -> None:
    if event.vm == found.case.guest and event.register == INJECTION:
        found.carried_out, found.injected = True, True
        found.causes.append(found.at)
        found.decided_by = "nothing: a hypervisor injects events into an ordinary VM as it likes"
    elif event.vm == found.case.guest and not found.case.lies:  # else it is an answer, weighed as such
        found.carried_out = True
        found.written_state[event.register] = event.value
        found.causes.append(found.at)
        found.decided_by = "nothing: the saved state of an ordinary VM is the host's"


@weigh.register
def _(event: e.ExceptionDelivered, found: Findings) -> None:
    """The guest cannot tell an injected exception from a real one."""
    if event.actor != found.case.guest:
        return
    found.not_injected = -1
    if event.kind == "nmi":
        found.injected, found.coped = False, True
        found.decided_by = "the guest's own NMI handler"
        found.signal("TD", "exception", "NMI")
        found.causes.append(found.at)
    if found.injected and event.kind != "interrupt":
        found.injected = False
        found.integrity, found.victim_words = "lost", "an exception that never happened"
        found.signal("TD", "exception", "injected exception")


@weigh.register
def _(event: e.TimePassed, found: Findings) -> None:
    """A guest that was due to answer and did not get a single instruction."""
    if found.case.guest not in event.ran:
        found.availability = "lost"
        found.decided_by = "nothing: whether a guest runs is the host's decision"
        found.signal("network", "data", "no answer")


def conclude(found: Findings) -> None:
    """The host's event was refused and nothing arrived in its place."""
    if found.not_injected >= 0:
        found.signals.append(("TD", "none", "no delivery"))
