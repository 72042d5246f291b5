"""Letting a guest run, as an honest host does: enter, answer exits, enter again."""

from collections.abc import Generator

from tdxviz.core.arch import exits
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.commands import Command, RunGuest, Seamcall, VmEnter
from tdxviz.core.events import Event, InstructionRetired, LeafReturned, TdExited, VmExited
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, memory, sharing
from tdxviz.core.host.seam import Recipe
from tdxviz.core.host.vmm import Registers, Vmm, request_of
from tdxviz.core.machine import Machine
from tdxviz.core.units import U64, Gpa

MOST_EXITS = 10_000
PENDING = 6
"""Extended exit qualification: the page waits for the guest to accept it."""
ANSWERS = frozenset(GPR_NAMES) - {"RAX", "RCX", "RSP"}
"""Registers that a host can answer a TDVMCALL in."""


def enter(machine: Machine, lp: int, answer: Registers | None = None, *, vcpu: int = 0) -> Recipe:
    """Put the first guest on a logical processor, unless one is there. ``answer``: what the host
    returns for a TDVMCALL. An ordinary VM has one ``vcpu`` only."""
    if machine.platform.lps[lp].mode != "host":
        return
    if machine.world == "legacy":
        yield VmEnter(lp=lp, vm=0)
    else:
        regs = {name.lower(): value & U64 for name, value in (answer or {}).items() if name in ANSWERS}
        yield Seamcall(rax=BY_NAME["TDH.VP.ENTER"].number, lp=lp, rcx=layout.tdvpr(vcpu), **regs)


def resume(
    machine: Machine, *, lp: int = 0, steps: int = 1, until: int | None = None, trace: bool = True,
    vmm: Vmm | None = None,
) -> Recipe:  # fmt: skip
    """Run the guest for up to ``steps`` instructions or until it is about to execute ``until``.

    Demand faults are answered with TDH.MEM.PAGE.AUG, TDVMCALLs by ``vmm`` (an honest one by
    default). Returns early when the guest cannot go on.
    """
    left = steps
    answer: Registers = {}
    vmm = vmm or Vmm()
    for _ in range(MOST_EXITS):
        yield from enter(machine, lp, answer)
        if machine.platform.lps[lp].mode == "host" or left <= 0:
            return
        events = yield RunGuest(lp=lp, steps=left, until=until, trace=trace)
        done = sum(isinstance(event, InstructionRetired) for event in events)
        left -= done if trace else 0  # unwatched runs are bounded by their exits
        if machine.platform.lps[lp].mode != "host":
            return
        found = yield from respond(machine, events, vmm)
        if found is None or vmm.finished or vmm.halted or _gave_up(events):
            return
        answer = found
    raise TdxvizError(f"the guest made {MOST_EXITS} exits without reaching its goal; it may be stuck")


Response = Generator[Command, tuple[Event, ...], Registers | None]


def respond(machine: Machine, events: tuple[Event, ...], vmm: Vmm) -> Response:
    """What the exit asks for; returns registers for the next entry, None when nothing that a host can
    do helps the guest. Other exits (interrupts) need nothing from this host."""
    answer: Registers = {}
    for event in events:
        request = request_of(event)
        if request is not None:
            answer = vmm.serve(request)
            yield from sharing.carry_out(machine, vmm)
        elif isinstance(event, LeafReturned) and _is_demand(event):
            if event.outputs.get("RDX", 0) & 0xF == PENDING:
                return None  # the page is there; only the guest can accept it
            added = yield from add_on_demand(machine, event.outputs.get("R8", 0))
            if not added:
                return None
    return answer


def _is_demand(event: LeafReturned) -> bool:
    return event.name == "TDH.VP.ENTER" and event.status == exits.EPT_VIOLATION


def add_on_demand(machine: Machine, gpa: Gpa) -> Generator[Command, tuple[Event, ...], bool]:
    """Give the TD a page where it wants one; it must accept it itself. False: there is one, which
    the host has blocked."""
    hpa = memory.home(machine, gpa)
    events = yield Seamcall(rax=BY_NAME["TDH.MEM.PAGE.AUG"].number, rcx=gpa, rdx=layout.TDR, r8=hpa)
    answer = next((e for e in events if isinstance(e, LeafReturned)), None)
    return answer is not None and not answer.status & s.ERROR


def _gave_up(events: tuple[Event, ...]) -> bool:
    """True when the guest is dead, or stopped for something that only time brings."""
    for event in events:
        if isinstance(event, TdExited):
            dead = event.status & (s.FATAL | s.NON_RECOVERABLE)
            return bool(dead) or event.reason not in (exits.EPT_VIOLATION, exits.TDCALL)
        if isinstance(event, VmExited):
            return event.reason != exits.VMCALL  # a call for the host: it needs no answer of ours
    return True
