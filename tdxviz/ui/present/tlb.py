"""Rows of a processor's TLB, the processors to choose from, and the TD's epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tdxviz.core.units import Gla, Gpa, Hkid, Hpa
from tdxviz.ui.present.hexes import actor_title, owner_token, spaced
from tdxviz.ui.present.questions import PROCESSORS, Questions

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
class Epoch:
    """``current`` is the count that the running vCPUs are in: the one with the parity of the epoch."""

    number: int
    even: int
    odd: int
    words: str


def processors(ask: Questions) -> tuple[Processor, ...]:
    """Every logical processor, in order."""
    found: list[Processor] = []
    guest = ask.actors()[0]
    for lp, mode in enumerate(ask.modes()):
        actor = guest if mode in ("td", "vm") else "host"
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


def epoch(ask: Questions) -> Epoch | None:
    """The counters by which the module knows that no processor uses an old translation."""
    info = ask.epochs()
    if info is None:
        return None
    old = (info.refcount0, info.refcount1)[1 - info.td_epoch % 2]
    if old:
        words = f"{old} vCPU still runs with the epoch before: tracking is not done"
    else:
        words = "nobody runs with an older epoch: blocked pages may be removed"
    return Epoch(info.td_epoch, info.refcount0, info.refcount1, words)


def describe(ask: Questions, lp: int, shown: Sequence[Row]) -> str:
    who = processors(ask)[lp].who if lp < PROCESSORS else ""
    lines = [f"GPA {spaced(r.gpa)} to HPA {spaced(r.hpa)} {r.perms} {r.state}" for r in shown[:8]]
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    counters = epoch(ask)
    tail = (
        f" TD epoch {counters.number}, even count {counters.even}, odd count {counters.odd}: {counters.words}."
        if counters
        else ""
    )
    body = "; ".join(lines) + more if lines else "it holds no translation"
    return f"TLB of processor {lp}, running {who}: {body}.{tail}"
