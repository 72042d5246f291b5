"""Does the host get a guest one instruction at a time, or one instruction again and again?

The fifth part of ``evidence``: stays of the guest between an entry and the exit that ends it.
"""

from functools import singledispatch
from typing import Any, Protocol

from tdxviz.core import events as e
from tdxviz.core.arch.exits import EPT_VIOLATION, EXTERNAL_INTERRUPT
from tdxviz.core.units import Gpa, page_of

OFTEN = 3
"""Steps or replays in a row that make a pattern; fewer happen to any host."""
VMX_EXTERNAL_INTERRUPT = 1


class Stays:
    """What happened between the guest's entries and exits, as far as stepping goes."""

    def __init__(self) -> None:
        self.entered = False
        self.started = 0
        """Instructions of the guest at its last entry."""
        self.filtered = 0
        """Interrupts that the module held back for a while."""
        self.single = 0
        """Stays of exactly one instruction, ended by an interrupt."""
        self.page: Gpa = -1
        self.replays = 0
        """Times in a row that the guest ran into the same page without completing an instruction."""


class Findings(Protocol):
    """What these rules read and write of ``evidence.Evidence``, which calls them."""

    case: Any
    """``evidence.Case``."""
    stays: Stays
    executed: int
    clocked: tuple[int, int] | None
    pattern_lost: bool
    carried_out: bool
    decided_by: str
    got_words: str

    def signal(self, observer: str, kind: str, name: str) -> None: ...


@singledispatch
def weigh(event: e.Event, found: Findings) -> None:
    """Take one event into account; most say nothing about steps."""


@weigh.register
def _(event: e.TdEntered | e.VmEntered, found: Findings) -> None:
    found.stays.entered, found.stays.started = True, found.executed


@weigh.register
def _(event: e.SteppingFiltered, found: Findings) -> None:
    stays = found.stays
    stays.filtered += 1
    if stays.filtered >= OFTEN and found.clocked is None:
        found.carried_out = True
        found.decided_by = "the module's stepping filter: a random number of instructions passes first"
        found.got_words = "the guest at no instruction that it chose"


@weigh.register
def _(event: e.LeafReturned, found: Findings) -> None:
    if event.name != "TDH.VP.ENTER":
        return
    if event.status == EPT_VIOLATION:
        _faulted(found, event.outputs.get("R8", 0))
    elif event.status == EXTERNAL_INTERRUPT and found.stays.filtered >= OFTEN and found.clocked is None:
        found.signal("host", "vm-exit", "external interrupt, delayed by 1..32 instructions")
    found.stays.entered = False


@weigh.register
def _(event: e.VmExited, found: Findings) -> None:
    stays = found.stays
    if event.gpa >= 0:
        _faulted(found, event.gpa)
    elif event.reason == VMX_EXTERNAL_INTERRUPT:
        stays.single = stays.single + 1 if found.executed == stays.started + 1 else 0
        if stays.single >= OFTEN and found.clocked is None:
            _lost(found, "external interrupt, one instruction later")
    stays.entered = False


def _faulted(found: Findings, gpa: Gpa) -> None:
    """The same page again: either the guest ran into it once more, or nobody let it run."""
    stays = found.stays
    again = page_of(gpa) == stays.page and found.executed == stays.started
    stays.page, stays.replays = page_of(gpa), stays.replays + 1 if again else 0
    if stays.replays < OFTEN:
        return
    if not stays.entered:
        found.carried_out = True
        found.decided_by = "the module's zero-step filter: it imitates the exit and lets nobody run"
        found.got_words = "a few replays and then an imitation"
        found.signal("host", "vm-exit", "emulated EPT violation exit")
    elif found.case.world == "legacy":
        _lost(found, "EPT violation, same RIP")


def _lost(found: Findings, name: str) -> None:
    found.pattern_lost = True
    found.decided_by = "nothing: an ordinary VM stops and goes on as the host likes"
    found.signal("host", "vm-exit", name)
