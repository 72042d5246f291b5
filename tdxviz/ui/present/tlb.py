"""Rows of a processor's TLB, the processors to choose from, and the TD's epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tdxviz.core import peek_module, peek_sept
from tdxviz.core.arch.sept import UNBLOCK
from tdxviz.core.units import Gla, Gpa, Hkid, Hpa
from tdxviz.ui.present.hexes import actor_title, owner_token, spaced
from tdxviz.ui.present.questions import PROCESSORS, Questions

MOST_BLOCKED = 2
"""Blocked mappings that are named one by one."""
STATE_WORDS = {
    "ok": "the tables still say the same",
    "stale": "the tables say something else by now: until it is flushed the processor goes on with the old page",
}


@dataclass(frozen=True, slots=True)
class Row:
    valid: bool
    owner: str
    letter: str
    who: str
    """``A / 0``: guest and vCPU."""
    gla: Gla
    gpa: Gpa
    hpa: Hpa
    keyid: Hkid
    perms: str
    epoch: str
    state: str
    fresh: bool
    """Filled by the step just made."""

    @property
    def way(self) -> str:
        """``80003 → 00413``: page numbers."""
        return f"{self.gpa >> 12:05x} → {self.hpa >> 12:05x}"

    @property
    def tooltip(self) -> str:
        key = f"KeyID {self.keyid:#x}" if self.keyid else "KeyID 0"
        return (
            f"GLA {spaced(self.gla)} → GPA {spaced(self.gpa)} → HPA {spaced(self.hpa)}, {key}, {self.perms}.\n"
            f"{self.state}: {STATE_WORDS.get(self.state, self.state)}. Click: choose that page."
        )


@dataclass(frozen=True, slots=True)
class Processor:
    """``who``: what runs there now; ``count``: translations it holds."""

    lp: int
    who: str
    owner: str
    count: int


@dataclass(frozen=True, slots=True)
class Runner:
    """A vCPU that is entered now."""

    lp: int
    vcpu: int
    epoch: int
    """The TD's epoch at which it entered."""
    old: bool
    """An older one than the TD's: it may use translations that were blocked since."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A TD's epoch. ``counts``: its running vCPUs by parity of the epoch at which they entered."""

    actor: str
    owner: str
    number: int
    counts: tuple[int, int]
    runners: tuple[Runner, ...]
    words: str
    notes: tuple[str, ...] = ()
    """The epochs that the module compares: of each vCPU, and of mappings that were blocked."""


def processors(ask: Questions) -> tuple[Processor, ...]:
    """Every logical processor, in order."""
    found: list[Processor] = []
    module, guest = ask.machine.module, ask.actors()[0]
    for lp, mode in enumerate(ask.modes()):
        current = module.current.get(lp) if module is not None else None
        actor = current.actor if current else guest if mode in ("td", "vm") else "host"
        who = actor_title(actor) if actor != "host" else "host"
        found.append(Processor(lp, who, owner_token(actor), len(ask.tlb(lp))))
    return tuple(found)


def busiest(ask: Questions) -> int:
    """The processor to show until another is chosen: with a guest on it, else with most entries."""
    rows = processors(ask)
    return max(rows, key=lambda p: (p.owner != "host", p.count, -p.lp)).lp if rows else 0


def rows(ask: Questions, lp: int, news: Sequence[Any]) -> tuple[Row, ...]:
    """What one processor holds, the newest first."""
    fresh = {e.gla for e in news if type(e).__name__ == "TlbFilled" and e.lp in (lp, -1)}
    found: list[Row] = []
    for entry in reversed(ask.tlb(lp)):
        letter = entry.actor[-1:].upper()
        owner = owner_token(entry.actor)
        epoch = str(entry.epoch) if entry.actor.startswith("td-") else "–"
        found.append(
            Row(
                entry.valid, owner, "V" if owner == "legacy" else letter, f"{letter} / {entry.vcpu}",
                entry.gla, entry.gpa, entry.hpa, entry.keyid, entry.perms, epoch,
                entry.state if entry.valid else "flushed", entry.gla in fresh,
            )
        )  # fmt: skip
    return tuple(found)


def flushed(news: Sequence[Any]) -> str:
    """What the step just made threw out, in words; empty if nothing."""
    parts = [
        f"{e.count} flushed on LP{max(e.lp, 0)}: {e.reason}"
        for e in news
        if type(e).__name__ == "TlbFlushed" and e.count
    ]
    return "; ".join(parts[-2:])


def epochs(ask: Questions) -> tuple[Epoch, ...]:
    """For each TD the counters by which the module knows that nobody uses an old translation."""
    rows = ask.once(("td rows",), lambda: peek_module.td_rows(ask.machine))
    return tuple(_epoch(ask, td) for td in rows if td.epoch)


def _epoch(ask: Questions, td: peek_module.TdRow) -> Epoch:
    runners = tuple(
        Runner(v.runs_on, v.number, v.epoch, v.epoch < td.epoch) for v in td.vcpus if v.runs_on is not None
    )
    late = [f"vCPU {r.vcpu} on LP{r.lp}" for r in runners if r.old]
    count = td.refcounts[1 - td.epoch % 2]
    if late:
        words = f"{' and '.join(late)} still runs with the epoch before: tracking is not done until it exits"
    elif count:
        words = f"{count} vCPU counted in the epoch before: tracking is not done"
    else:
        words = "nobody runs with an older epoch: what was blocked before it may be removed"
    entered = [f"vCPU {v.number} {v.epoch}" for v in td.vcpus if v.epoch]
    notes = (f"VCPU_EPOCH: {', '.join(entered)}", *_blocked(ask, td)) if entered else _blocked(ask, td)
    return Epoch(td.actor, owner_token(td.actor), td.epoch, td.refcounts, runners, words, notes)


def _blocked(ask: Questions, td: peek_module.TdRow) -> tuple[str, ...]:
    """What was blocked, in which epoch, and whether the module takes it for tracked."""
    module = ask.machine.module
    leaves = ask.once(("sept leaves",), lambda: peek_sept.leaves(ask.machine))
    found = [
        (hpa, entry) for hpa, (actor, entry) in leaves.items() if actor == td.actor and entry.state in UNBLOCK
    ]
    notes: list[str] = []
    for hpa, entry in found[:MOST_BLOCKED]:
        page = module.page(hpa) if module is not None else None
        if page is not None:
            done = "tracked" if is_tracked(page.bepoch, td.epoch, td.refcounts) else "not tracked yet"
            notes.append(f"GPA {spaced(entry.gpa)} {entry.state}: BEPOCH {page.bepoch}, {done}")
    if len(found) > MOST_BLOCKED:
        notes.append(f"and {len(found) - MOST_BLOCKED} more that are blocked")
    return tuple(notes)


def is_tracked(bepoch: int, epoch: int, counts: tuple[int, int]) -> bool:
    """Whether every vCPU has left the epoch in which something was blocked. Source: tdx-architecture 8.2."""
    return bepoch < epoch - 1 or (bepoch == epoch - 1 and not counts[bepoch & 1])


def describe(ask: Questions, lp: int, shown: Sequence[Row]) -> str:
    who = processors(ask)[lp].who if lp < PROCESSORS else ""
    lines = [f"GPA {spaced(r.gpa)} to HPA {spaced(r.hpa)} {r.perms} {r.state}" for r in shown[:8]]
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    tail = "".join(
        f" {actor_title(one.actor)} epoch {one.number}, even count {one.counts[0]}, odd count {one.counts[1]}: "
        f"{one.words}. {'. '.join(one.notes)}"
        for one in epochs(ask)
    )
    body = "; ".join(lines) + more if lines else "it holds no translation"
    return f"TLB of processor {lp}, running {who}: {body}.{tail}"
