"""The way out of a guest in five stills, and which register values pass the border.

Everything is taken from the events of one exit and from the machines before and after it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tdxviz.core import events as e
from tdxviz.core.arch.exits import TDCALL
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.arch.status import name_of
from tdxviz.core.observe import observe
from tdxviz.core.peek_change import written_lines
from tdxviz.core.units import LINE
from tdxviz.ui.present.films import bounds
from tdxviz.ui.present.hexes import actor_title, bare, sentence
from tdxviz.ui.present.vcpu import short

REWRITTEN = {
    "RAX": "completion status and exit reason",
    "RCX": "exit qualification",
    "RDX": "extended exit qualification",
    "R8": "guest-physical address, page-aligned",
    "R9": "interruption information",
}
"""What an asynchronous exit tells, register by register. Source: tdx-architecture 9.3."""
Guest = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Still:
    """``index``: where on the timeline it is seen; ``role``: who acts."""

    number: int
    title: str
    words: str
    index: int
    role: str


@dataclass(frozen=True, slots=True)
class Gate:
    """One general register at the border.

    ``how``: ``open`` (the value passes), ``shut`` (zero comes out), ``rewritten`` (the module's own
    words), ``host`` (the host's own value comes back).
    """

    name: str
    inside: int
    outside: int
    how: str

    @property
    def leaks(self) -> bool:
        return self.how == "open" and self.inside != 0

    @property
    def tooltip(self) -> str:
        words = {
            "open": "passes the border: the host gets the guest's value",
            "shut": "is cleared: the host gets zero",
            "rewritten": f"carries the {REWRITTEN.get(self.name, 'answer')} for the host",
            "host": "is the host's own again",
        }[self.how]
        return f"{self.name} in the guest {self.inside:#x}, for the host {self.outside:#x}. It {words}."


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where the registers went: the lines that the save wrote, under the TD's KeyID, and what others
    find in the first of them."""

    lines: tuple[int, ...]
    keyid: int
    host: str
    """Kind of what the host reads there."""
    chips: bytes
    """What the chips hold of it meanwhile."""

    @property
    def words(self) -> str:
        where = ", ".join(bare(line) for line in self.lines[:3]) + (" …" if len(self.lines) > 3 else "")
        count = f"{len(self.lines)} line{'s' if len(self.lines) > 1 else ''}"
        return (
            f"{count} of TDVPS written, in the cache under KeyID {self.keyid:#x}: {where}. The host reads "
            f"{self.host} there; the chips still hold {self.chips.hex(' ')} …, until the line is written back."
        )


@dataclass(frozen=True, slots=True)
class ExitPicture:
    title: str
    stills: tuple[Still, ...]
    active: int
    """Position in ``stills`` of the one that the moment shows; -1 when the moment is elsewhere."""
    gates: tuple[Gate, ...]
    brooms: tuple[str, ...]
    """What was flushed on the way out and at the next entry."""
    caption: str
    sealed: Sealed | None = None
    scrubbed_at: int = 3
    """Position of the still from which on the host finds what the gates show."""

    @property
    def is_through(self) -> bool:
        """Whether the moment is past the border: then the outside holds what came out."""
        return self.active < 0 or self.active >= self.scrubbed_at


SHOWN = 6
"""Bytes of the sealed line that are shown."""
AHEAD = 200
"""Events looked ahead for the end of an exit that has begun; none is longer."""
EXITS = (e.TdExited, e.VmExited)


def latest(events: Sequence[e.Event], index: int) -> int | None:
    """Position of the exit that a moment is about: the one it stands in, else the last one before."""
    for at in range(index, min(index + AHEAD, len(events))):
        if isinstance(events[at], EXITS):
            if _begin(events, at) <= index:
                return at
            break
    before = range(min(index, len(events)) - 1, -1, -1)
    return next((at for at in before if isinstance(events[at], EXITS)), None)


def _begin(events: Sequence[e.Event], at: int) -> int:
    """Index at which the guest still runs: before the first event of the exit that ends at ``at``,
    and before what caused it when that is a story of its own (an interrupt)."""
    first = bounds(events, at + 1)[0]
    alone = isinstance(events[first], e.StateSaved | e.RegistersScrubbed | e.VmExited)
    return first - 1 if alone and first else first


def picture(events: Sequence[e.Event], index: int, machine_at: Callable[[int], Any]) -> ExitPicture | None:
    """Everything the panel shows; None before the first exit.

    ``machine_at``: the machine after so many events.
    """
    at = latest(events, index)
    if at is None:
        return None
    first, event = _begin(events, at), events[at]
    inside = _inside(machine_at(first), event.lp)
    sealed = None
    if isinstance(event, e.VmExited):
        outside = _host(machine_at(at + 1), event.lp)
        gates = tuple(Gate(n, a, b, "open") for n, a, b in zip(GPR_NAMES, inside, outside, strict=True))
        stills = _legacy_stills(event, first, at)
        caption = "No module stands at this border: all sixteen registers are the host's to read."
    else:
        assert isinstance(event, e.TdExited)
        story = events[first : at + 1]
        scrubbed = next(one for one in reversed(story) if isinstance(one, e.RegistersScrubbed))
        gates = _gates(inside, scrubbed.gprs, event)
        stills = _stills(story, first, scrubbed, event)
        sealed = _sealed(story, first, machine_at)
        caption = _caption(gates, event)
    who = actor_title(event.vm if isinstance(event, e.VmExited) else event.td)
    active = max((n for n, still in enumerate(stills) if still.index <= index), default=-1)
    last = bounds(events, at + 1)[1] + 1
    return ExitPicture(
        f"{who} leaves LP{max(event.lp, 0)}: {event.why}", stills, active if index <= last else -1,
        gates, _brooms(events, at), caption, sealed, 1 if isinstance(event, e.VmExited) else 3,
    )  # fmt: skip


def _sealed(story: Sequence[e.Event], first: int, machine_at: Callable[[int], Any]) -> Sealed | None:
    """What the save wrote; None for a dead TD, whose memory is not touched."""
    number = next((n for n, one in enumerate(story) if isinstance(one, e.StateSaved)), None)
    if number is None:
        return None
    before, after = machine_at(first + number), machine_at(first + number + 1)
    written = written_lines(before, after)
    if not written:
        return None
    line, keyid = written[0]
    host = observe(after, "host", line, LINE)
    chips = observe(after, "probe", line, LINE).data or b""
    return Sealed(tuple(hpa for hpa, _ in written), keyid, host.kind, chips[:SHOWN])


def _inside(machine: Any, lp: int) -> Guest:
    return tuple(machine.platform.lps[max(lp, 0)].cpu.gprs)


def _host(machine: Any, lp: int) -> Guest:
    return tuple(machine.platform.lps[max(lp, 0)].gprs)


def _gates(inside: Guest, outside: Guest, event: e.TdExited) -> tuple[Gate, ...]:
    """A TDVMCALL opens the gates that its mask (RCX) names; any other exit opens none."""
    asked = event.reason == TDCALL and event.status == TDCALL
    mask = outside[GPR_NAMES.index("RCX")] if asked else 0
    gates = []
    for number, (name, a, b) in enumerate(zip(GPR_NAMES, inside, outside, strict=True)):
        how = "shut"
        if name == "RSP":
            how = "host"
        elif mask >> number & 1:
            how = "open"
        elif name in ("RAX", "RCX") or (not asked and name in REWRITTEN):
            how = "rewritten"
        gates.append(Gate(name, a, b, how))
    return tuple(gates)


def _stills(
    story: Sequence[e.Event], first: int, scrubbed: e.RegistersScrubbed, event: e.TdExited
) -> tuple[Still, ...]:
    """``story``: the events from index ``first`` to the exit."""
    saved = next((one for one in story if isinstance(one, e.StateSaved)), None)
    clean = first + story.index(scrubbed)
    at = first + story.index(saved) if saved else clean
    keep = f"Into TDVPS at {bare(saved.hpa)}, under the TD's key." if saved else (
        "Nothing: the TD is dead, its memory is not touched."
    )  # fmt: skip
    found = ", ".join(scrubbed.exposed) or "nothing"
    return (
        Still(1, "runs in the TD", "Registers are plaintext, inside the core.", first, "td_a"),
        Still(2, "the border", sentence(event.why) + ".", at, "module"),
        Still(3, "save", keep, at + 1 if saved else at, "module"),
        Still(4, "scrub", f"Left for the host: {found}.", clean + 1, "module"),
        Still(5, "host runs", f"{name_of(event.status)}.", first + len(story), "host"),
    )


def _legacy_stills(event: e.VmExited, first: int, at: int) -> tuple[Still, ...]:
    return (
        Still(1, "runs in the VM", "Registers are in the core.", first, "legacy"),
        Still(2, "VM exit", sentence(event.why) + ".", at, "host"),
        Still(3, "save", "RIP and RSP go into the host's own VMCS.", at + 1, "host"),
        Still(4, "no scrub", "Nothing is cleared.", at + 1, "bad"),
        Still(5, "host runs", "It reads what the guest left.", at + 1, "host"),
    )


def _caption(gates: Sequence[Gate], event: e.TdExited) -> str:
    opened = [gate.name for gate in gates if gate.how == "open"]
    if opened:
        return f"The guest itself opened {', '.join(opened)}; every other register of it stays inside."
    if event.status >> 61 & 1:
        return "A dead TD tells its status and nothing else."
    return "The host learns why, from the module; no register of the guest passes."


def _brooms(events: Sequence[e.Event], at: int) -> tuple[str, ...]:
    """Flushes from the exit on, up to the next time a guest is entered on that processor."""
    found, lp = [], events[at].lp
    for event in events[at + 1 :]:
        if isinstance(event, e.TlbFlushed) and event.lp == lp:
            found.append(f"{event.count} translations: {event.reason}")
        if isinstance(event, e.TdEntered | e.VmEntered) and event.lp == lp:
            break
    return tuple(found)


def describe(shown: ExitPicture | None) -> str:
    if shown is None:
        return "TD exit: no guest has been left yet."
    gates = "; ".join(f"{g.name} {g.how} {short(g.outside)}" for g in shown.gates)
    stills = " ".join(f"{s.number} {s.title}: {s.words}" for s in shown.stills)
    sealed = f" {shown.sealed.words}" if shown.sealed else ""
    return f"{shown.title}. {stills}{sealed} {shown.caption} {gates}."
