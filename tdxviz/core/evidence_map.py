"""What events say about mappings, bring-up and the host's own mistakes: the fourth part of ``evidence``.

Whether the guest was given another page, used a stale translation, stands still for a missing page,
stopped itself, or whether the thing attacked exists at all. No name of an attack decides anything.
"""

from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, Protocol

from tdxviz.core import events as e
from tdxviz.core.arch import exits
from tdxviz.core.units import PAGE, is_private

SHARED = 1 << 47
"""Of a guest-physical address of our TDs."""
REPORT_FATAL_ERROR = 0x10003
"""TDVMCALL sub-function with which a guest says that it stops (GHCI)."""


@dataclass
class MapFindings:
    """What this part finds out beyond the fields that all parts share."""

    absent: str = ""
    """Why the thing that was attacked does not exist on this machine."""
    started_over: bool = False
    """The machine was rebooted, and no guest has run since."""
    panicked: bool = False
    """The guest's own software stopped it."""
    elsewhere: list[int] = field(default_factory=list)
    """Host addresses, other than the target's, from which the guest was given the target's bytes."""
    remapped: bool = False
    """The host's tables no longer lead from the target's guest address to its page."""
    stale_at: int = -1
    """Where the guest used a translation that the tables no longer hold."""
    stores: list[tuple[int, bytes]] = field(default_factory=list)
    """(first byte, data) of what host software stored."""
    stuck: int = 0
    """Exits for a missing page, one after the other, without an instruction between them."""
    poisoned: bool = False
    framed: bool = False
    """The processor pushed an exception frame over the target."""
    in_gap: bool = False
    """The guest's last instruction was SYSCALL: RSP is still the program's."""
    asked: set[int] = field(default_factory=set)
    """Shared pages for which the guest had to leave, because the host had none there."""
    untrusted: bool = False
    """In one of these it read what the host had put there meanwhile."""


class Findings(Protocol):
    """What these rules read and write of ``evidence.Evidence``, which calls them."""

    case: Any
    """``evidence.Case``."""
    got_words: str
    mapping: MapFindings
    arrived: int
    refused: bool
    carried_out: bool
    tampered: bool
    availability: str
    freshness: str
    decided_by: str
    victim_words: str
    loaded: dict[int, int]
    causes: list[int]

    @property
    def at(self) -> int: ...
    def signal(self, observer: str, kind: str, name: str, at: int = -1) -> None: ...
    def touches(self, hpa: int, size: int) -> bool: ...
    def load(self, first: int, data: bytes) -> None: ...


@singledispatch
def weigh(event: e.Event, found: Findings) -> None:
    """Take one event into account; most say nothing about mappings."""


# --- things that are not there --------------------------------------------------------------------


@weigh.register
def _(event: e.SeamcallFailed, found: Findings) -> None:
    if event.how == "#UD":
        found.mapping.absent = "there is no TDX module on this machine, and nothing of what its calls act on"
        found.causes.append(found.at)


@weigh.register
def _(event: e.HostFaulted, found: Findings) -> None:
    if found.case.world == "legacy" and is_private(event.keyid):
        found.mapping.absent = event.detail


@weigh.register
def _(event: e.VmExited, found: Findings) -> None:
    """The processor stopped at an entry of the EPT that no EPT may hold."""
    if event.reason == exits.EPT_MISCONFIGURATION:
        found.refused = True
        found.decided_by = found.decided_by or event.why
        found.signal("host", "vm-exit", "EPT misconfiguration exit")


@weigh.register
def _(event: e.LinePoisoned, found: Findings) -> None:
    if found.touches(event.hpa, 1):
        found.mapping.poisoned = True


@weigh.register
def _(event: e.HostStored, found: Findings) -> None:
    mine = found.mapping
    mine.stores.append((event.hpa, event.data))
    if event.how == "partial" and found.touches(event.hpa, len(event.data)) and not mine.poisoned:
        mine.absent = "no line here is owned by a TD, so there is nothing that a partial write poisons"


# --- refusals, faults and reboots -----------------------------------------------------------------


@weigh.register
def _(event: e.LeafReturned, found: Findings) -> None:
    out = event.outputs
    if event.name == "TDH.VP.ENTER":
        if event.status == exits.EPT_VIOLATION and out.get("R8", 0) & SHARED:
            found.mapping.asked.add(out["R8"] & -PAGE)
            found.signal("host", "vm-exit", "EPT violation TD exit")
        if (out.get("R10", 0), out.get("R11")) == (0, REPORT_FATAL_ERROR):
            found.mapping.panicked, found.availability = True, "lost"
            outside = f" on external {found.arrived:#x}" if found.arrived >= 0 else ""
            if outside:
                found.decided_by = "the guest's kernel: its APIC says that the interrupt came from outside"
            found.signal("guest kernel", "guest-panic", f"panic{outside}")
        return
    if event.status >> 61 or (event.side == "guest" and event.status >> 32):
        found.refused = True
        found.decided_by = found.decided_by or event.reason


@weigh.register
def _(event: e.MachineCheckRaised, found: Findings) -> None:
    """A host kernel that takes a machine check stops, and every guest with it."""
    if event.context == "host":
        found.availability = "lost"
        found.causes.append(found.at)


@weigh.register
def _(event: e.MachineRebooted, found: Findings) -> None:
    found.mapping.started_over = True


@weigh.register
def _(event: e.TdEntered | e.VmEntered, found: Findings) -> None:
    """What was stored before the guest began was its image."""
    if found.mapping.started_over:
        found.mapping.started_over = False
        found.tampered = found.carried_out = False
        found.loaded.clear()
        found.mapping.stores.clear()


@weigh.register
def _(event: e.HostExecuted, found: Findings) -> None:
    """Memory changed at no address in particular: what the guest loads from now on counts."""
    if event.insn == "INVD":
        found.tampered = found.carried_out = True
        found.loaded.clear()
        found.causes.append(found.at)


# --- the guest's mappings -------------------------------------------------------------------------


@weigh.register
def _(event: e.VmConfigured, found: Findings) -> None:
    """Our guests map linear addresses to equal guest-physical ones."""
    case = found.case
    if case.world == "legacy" and is_private(event.keyid):
        found.mapping.absent = (
            "there are no KeyIDs on this machine; these bits lie beyond its physical addresses"
        )
        found.causes.append(found.at)
    if (
        event.vm == case.guest
        and case.gla >= 0
        and event.gpa & -PAGE == case.gla & -PAGE
        and event.hpa != case.hpa & -PAGE
    ):
        found.mapping.remapped = found.carried_out = True
        found.causes.append(found.at)


@weigh.register
def _(event: e.MemoryLoaded, found: Findings) -> None:
    case, mine = found.case, found.mapping
    if event.actor == case.guest and event.gpa & -PAGE in mine.asked and _stored(mine, event.hpa, event.data):
        mine.untrusted = found.carried_out = True
        found.got_words, found.decided_by = "no private byte", "the SHARED bit, which the guest itself sets"
        found.signal("TD", "data", "host's bytes in shared memory")
    inside = case.gla >= 0 and case.gla <= event.gla < case.gla + len(case.expected)
    if not inside or event.actor != case.guest or event.kind.startswith("speculative"):
        return
    if event.hpa != case.hpa + event.gla - case.gla:
        mine.elsewhere.append(event.hpa)
        found.load(event.gla - case.gla, event.data)
    elif mine.remapped and mine.stale_at < 0:
        mine.stale_at = found.at


@weigh.register
def _(event: e.InstructionRetired, found: Findings) -> None:
    if event.actor == found.case.guest:
        found.mapping.stuck = 0


@weigh.register
def _(event: e.TdExited, found: Findings) -> None:
    """The same missing page again, without an instruction in between: the guest stands still."""
    if found.case.hpa < 0 or event.td != found.case.guest or event.reason != exits.EPT_VIOLATION:
        return
    found.mapping.stuck += 1
    if found.mapping.stuck > 1:
        found.availability, found.carried_out = "lost", True
        found.signal("host", "vm-exit", "EPT violation TD exit")


@weigh.register
def _(event: e.VeInjected, found: Findings) -> None:
    """Where memory of the guest's is the target, it is told that something is the matter."""
    if found.case.gla >= 0 and event.td == found.case.guest:
        found.signal("TD", "exception", "#VE")


def _stored(mine: MapFindings, hpa: int, data: bytes) -> bool:
    """Whether these bytes at ``hpa`` are ones that the host had stored there."""
    return any(low <= hpa and data == stored[hpa - low :][: len(data)] for low, stored in mine.stores)


def conclude(found: Findings) -> None:
    """A stale translation was used, whatever bytes it led to."""
    if found.mapping.stale_at >= 0:
        found.freshness = "lost"
        found.victim_words = "a translation that the tables no longer hold"
        found.signal("TD", "data", "stale translation used", found.mapping.stale_at)


def describe_page(found: Findings) -> tuple[str, str]:
    """The guest's bytes came from a page that is not the target's: whose?"""
    at = found.mapping.elsewhere[0]
    if at & -PAGE in found.case.own_pages:
        return "the bytes of another page of its own", "other page's bytes"
    got = found.loaded.get(at % PAGE - found.case.hpa % PAGE)
    if any(low <= at < low + len(data) and data[at - low] == got for low, data in found.mapping.stores):
        return "bytes that the attacker put into another page", "replaced bytes read"
    return "whatever an empty page of the host holds", "zeros or host's bytes read"


RULES = {
    "plain": "nothing: no encryption stands between host and guest memory",
    "decrypted": "nothing: the line belongs to whoever reads it",
    "owned-zeros": "TD-owner bit 1: a read with a shared KeyID gets zeros",
    "owner-mismatch": "TD-owner bit 0 on a private read",
    "mac-mismatch": "the line's MAC does not match",
    "stored-poison": "the line was poisoned before",
    "partial-write": "a partial write poisoned the line",
}


def rule_words(rule: str) -> str:
    """The memory controller's rule in words, as shown beside a verdict."""
    return RULES.get(rule, rule)
