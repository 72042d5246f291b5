"""Letting a guest run, as an honest host does: enter, answer exits, enter again."""

from tdxviz.core.arch import exits
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import RunGuest, Seamcall, VmEnter
from tdxviz.core.events import Event, InstructionRetired, LeafReturned, TdExited
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout
from tdxviz.core.host.seam import Recipe, seamcall
from tdxviz.core.machine import Machine
from tdxviz.core.units import Gpa

MOST_EXITS = 10_000


def enter(machine: Machine, lp: int) -> Recipe:
    """Put the first guest on a logical processor, unless one is there."""
    if machine.platform.lps[lp].mode != "host":
        return
    if machine.world == "legacy":
        yield VmEnter(lp=lp, vm=0)
    else:
        yield Seamcall(rax=BY_NAME["TDH.VP.ENTER"].number, lp=lp, rcx=layout.TDVPR)


def resume(
    machine: Machine, *, lp: int = 0, steps: int = 1, until: int | None = None, trace: bool = True
) -> Recipe:
    """Run the guest for up to ``steps`` instructions or until it is about to execute ``until``.

    Demand faults are answered with TDH.MEM.PAGE.AUG, TDVMCALLs with success. Returns early when
    the guest cannot go on.
    """
    left = steps
    for _ in range(MOST_EXITS):
        yield from enter(machine, lp)
        if machine.platform.lps[lp].mode == "host" or left <= 0:
            return
        events = yield RunGuest(lp=lp, steps=left, until=until, trace=trace)
        done = sum(isinstance(event, InstructionRetired) for event in events)
        left -= done if trace else 0  # unwatched runs are bounded by their exits
        if machine.platform.lps[lp].mode != "host":
            return
        yield from _answer(events)
        if _gave_up(events):
            return
    raise TdxvizError(f"the guest made {MOST_EXITS} exits without reaching its goal; it may be stuck")


def _answer(events: tuple[Event, ...]) -> Recipe:
    """What the exit asks for. Other exits (interrupts, HLT) need nothing from this host."""
    for event in events:
        if not isinstance(event, LeafReturned) or event.name != "TDH.VP.ENTER":
            continue
        if event.status == exits.EPT_VIOLATION:
            yield from add_on_demand(event.outputs.get("R8", 0))


def add_on_demand(gpa: Gpa) -> Recipe:
    """Give the TD a page where it wants one; it must accept it itself."""
    hpa = layout.hpa_of(gpa)
    yield from seamcall("TDH.MEM.PAGE.AUG", rcx=gpa, rdx=layout.TDR, r8=hpa)


def _gave_up(events: tuple[Event, ...]) -> bool:
    """True when the guest is dead, or stopped for something that only time brings."""
    for event in events:
        if isinstance(event, TdExited):
            dead = event.status & (s.FATAL | s.NON_RECOVERABLE)
            return bool(dead) or event.reason not in (exits.EPT_VIOLATION, exits.TDCALL)
    return True
