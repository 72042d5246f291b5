"""The step loop: who runs on a logical processor, and what its troubles turn into.

TDH.VP.ENTER and VmEnter only change a processor's mode; here the guest then runs. Every
architectural outcome of a guest instruction is caught here and nowhere else.
"""

from typing import NamedTuple

from tdxviz.core import commands as c
from tdxviz.core import legacy
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.events import (
    CommandRefused,
    InterruptArrived,
    RunPaused,
    SeamcallHeld,
    TimePassed,
)
from tdxviz.core.faults import (
    Architectural,
    Boundary,
    EptViolation,
    GuestFault,
    Intercept,
    MachineCheck,
    NonCanonical,
    SoftwareInterrupt,
    TripleFault,
)
from tdxviz.core.guest import boundary, exceptions, execute, stack_fault
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import INIT, MSMI, NMI, SMI, LogicalProcessor
from tdxviz.core.tdx import dispatch, guest_leaves, guest_memory, guest_side, stepping
from tdxviz.core.tdx.locks import Inside
from tdxviz.core.tdx.module import Current
from tdxviz.core.tdx.shutdown import guarded, is_over
from tdxviz.core.units import U64
from tdxviz.core.world import State

OTHERS = {"nmi": NMI, "init": INIT, "smi": SMI, "msmi": MSMI}


def run_guest(state: State, command: c.RunGuest) -> int:
    """Up to ``steps`` instructions of whatever guest is entered on the logical processor. Returns how
    many steps it took; what was delivered instead of an instruction counts as one."""
    lp = state.platform.lps[command.lp]
    if lp.mode == "host":
        state.platform.note(
            CommandRefused(
                lp=lp.id,
                command="RunGuest",
                reason=f"no guest is entered on logical processor {lp.id}; enter it first",
            )
        )
        return 0
    return _go_on(
        state, lp, command.steps, Goal(command.until, command.stop_before, lp.retired - command.at_once)
    )


def wait(state: State, command: c.HostWait) -> None:
    """Every guest that is entered goes on for a while; the host enters nobody."""
    ran: list[str] = []
    for lp in state.platform.lps:
        if lp.mode != "host":
            actor = translation(state, lp).actor
            ran += [actor] if _go_on(state, lp, command.steps, Goal()) else []
    state.platform.note(TimePassed(ran=tuple(ran)))


class Goal(NamedTuple):
    """Where to stop early."""

    until: int | None = None
    """Before the instruction at this address."""
    stop: str = ""
    """Before this instruction, once others ran since ``first`` had retired."""
    first: int = 0


def _go_on(state: State, lp: LogicalProcessor, steps: int, goal: Goal) -> int:
    """Up to ``steps`` instructions, and those that the stepping filter adds. Returns how many of the steps
    were used."""
    left, runner = steps, Runner()
    while lp.mode != "host" and (left > 0 or _held_back(state, lp)):
        held = _held_back(state, lp)
        if lp.pending_interrupt >= 0 and not held:
            if _interruption(state, lp):
                break
            continue
        used = _run_some(state, lp, runner, held or left, Goal() if held else goal)
        left -= 0 if held else used
        if used == 0 or (lp.mode != "host" and not held and lp.cpu.rip == goal.until):
            break
    return steps - left


def _held_back(state: State, lp: LogicalProcessor) -> int:
    """Instructions that the TDX module's stepping filter still lets the guest run."""
    return 0 if state.module is None else stepping.left(state.module, lp.id)


class Runner(execute.Runner):
    """Keeps how the guest translates for as long as it is the same vCPU that runs."""

    __slots__ = ("ctx", "now")

    def __init__(self) -> None:
        super().__init__()
        self.now: Current | None = None
        self.ctx: Translation | None = None

    def translation(self, state: State, lp: LogicalProcessor) -> Translation:
        now = state.module.current.get(lp.id) if state.module and lp.mode == "td" else None
        if self.ctx is None or now is None or now is not self.now or self.ctx.cpu is not lp.cpu:
            self.now, self.ctx = now, translation(state, lp)
        return self.ctx


def _run_some(state: State, lp: LogicalProcessor, runner: Runner, steps: int, goal: Goal) -> int:
    """As ``_run_until_outcome``, for the stepping filter and the host's performance counters; these
    stand still meanwhile if a TD runs that has not opted in to them."""
    now = state.module.current.get(lp.id) if state.module and lp.mode == "td" else None
    before = lp.retired
    used = _run_until_outcome(state, lp, runner, steps, goal)
    if state.module is not None:
        stepping.ran(state.module, lp.id, used)
    if now is not None and not now.perfmon:
        lp.uncounted += lp.retired - before
    return used


def _run_until_outcome(state: State, lp: LogicalProcessor, runner: Runner, steps: int, goal: Goal) -> int:
    """Run until something needs attention. Returns how many steps of the budget were used; 0 when the
    next instruction is the goal's, or nothing could run."""
    p, ctx, cpu = state.platform, runner.translation(state, lp), lp.cpu
    flags = 0
    try:
        if lp.nmi_window and lp.mode == "td" and _nmi_window(state, lp, ctx):
            return 0
        steps = boundary.before(p, lp, ctx, 1 if lp.nmi_window else steps)
        start, flags, cpl, ctx.hits = cpu.rip, cpu.rflags, cpu.cpl, 0
        used = runner.run(p, lp, ctx, cpu, steps, goal.until)
        lp.retired += used
        if boundary.holds_trap(cpu, flags, cpl):
            flags &= ~boundary.TF
        boundary.after(p, lp, ctx, start, flags)
    except Boundary as complete:
        lp.retired += complete.executed + 1
        return complete.executed + 1
    except Architectural as outcome:
        lp.retired += outcome.executed
        rip = cpu.rip
        if isinstance(outcome, Intercept) and outcome.name == goal.stop and lp.retired > goal.first:
            paused = RunPaused(
                lp=lp.id, actor=ctx.actor, before=goal.stop, rip=rip, rax=cpu.gprs[0], number=lp.retired + 1
            )  # fmt: skip
            p.note(paused)
            return 0
        _attend(state, lp, ctx, outcome)
        stepped = isinstance(outcome, Intercept) and cpu.rip == rip + outcome.length
        lp.retired += stepped or isinstance(outcome, SoftwareInterrupt)
        if stepped and flags & boundary.TF and lp.mode != "host":
            boundary.keep_trap(cpu)
        return outcome.executed + 1
    return used


def _nmi_window(state: State, lp: LogicalProcessor, ctx: Translation) -> bool:
    """An event that entry injects comes first; then, as soon as the guest can take an NMI, the module
    gets its NMI-window exit. Returns whether the guest was left."""
    boundary.deliver_kept(state.platform, lp, ctx)
    assert state.module is not None
    if not lp.cpu.nmi_blocked and not is_over(state.platform, state.module, lp.id):
        guest_side.nmi_window(state.platform, state.module, lp.id)
    return lp.mode == "host"


def _attend(state: State, lp: LogicalProcessor, ctx: Translation, outcome: Architectural) -> None:
    """Turn one outcome into what the architecture says, delivering guest exceptions on the way."""
    try:
        if isinstance(outcome, SoftwareInterrupt):
            vector, length = outcome.vector, outcome.length
            exceptions.deliver(state.platform, lp, ctx, lp.cpu, vector, kind=outcome.kind, length=length)
            return
        fault = _settle(state, lp, outcome)
        if fault is not None:
            exceptions.deliver(state.platform, lp, ctx, lp.cpu, fault.vector, fault.error, fault.cr2)
    except TripleFault:
        _triple_fault(state, lp)
    except (EptViolation, MachineCheck) as second:
        _settle(state, lp, second)


def _settle(state: State, lp: LogicalProcessor, outcome: Architectural) -> GuestFault | None:
    """Handle an outcome; a returned fault is still to be delivered to the guest."""
    if isinstance(outcome, NonCanonical):
        return stack_fault.judged(state.platform, lp, translation(state, lp), outcome)
    if isinstance(outcome, GuestFault):
        return outcome
    if isinstance(outcome, TripleFault):
        _triple_fault(state, lp)
        return None
    if lp.mode == "vm":
        return legacy.settle(state, lp, outcome)
    p, module = state.platform, state.module
    assert module is not None
    if is_over(p, module, lp.id):
        return None
    match outcome:
        case Intercept():
            return guest_side.guest_intercept(p, module, lp.id, outcome)
        case EptViolation():
            return guest_side.guest_ept_violation(p, module, lp.id, outcome)
        case MachineCheck():
            guest_side.guest_machine_check(p, module, lp.id, outcome)
            return None
    raise AssertionError(f"unhandled architectural outcome {outcome!r}")


def _triple_fault(state: State, lp: LogicalProcessor) -> None:
    if lp.mode == "vm":
        legacy.vm_exit(state, lp, 2, "triple fault")
    elif state.module is not None and not is_over(state.platform, state.module, lp.id):
        guest_side.guest_triple_fault(state.platform, state.module, lp.id)


def translation(state: State, lp: LogicalProcessor) -> Translation:
    """How the guest on this logical processor translates its addresses."""
    if lp.mode == "vm":
        return legacy.translation(state, lp)
    assert state.module is not None
    return guest_memory.translation(state.platform, state.module, lp.id)


def raise_interrupt(state: State, command: c.RaiseInterrupt) -> None:
    """A guest takes it at its next instruction boundary; the host simply handles it."""
    lp = state.platform.lps[command.lp]
    vector = command.vector & 0xFF
    state.platform.note(InterruptArrived(lp=lp.id, vector=vector, kind=command.kind))
    in_module = state.module is not None and lp.id in state.module.inside
    if lp.mode != "host" or in_module:
        lp.pending |= 1 << OTHERS.get(command.kind, vector)


def _interruption(state: State, lp: LogicalProcessor) -> bool:
    """A notification of posted interrupts is taken without an exit; anything else leaves the guest.
    Returns whether it left."""
    event = lp.take()
    if lp.mode == "vm":
        legacy.interruption(state, lp, event)
        return True
    assert state.module is not None
    if is_over(state.platform, state.module, lp.id):
        return True
    return guest_side.guest_interrupt(state.platform, state.module, lp.id, event)


def tdcall(state: State, command: c.Tdcall) -> None:
    """The guest on the logical processor makes one TDCALL with the registers that the command names."""
    lp = state.platform.lps[command.lp]
    if lp.mode != "td":
        reason = f"no TD runs on logical processor {lp.id}; enter one first"
        state.platform.note(CommandRefused(lp=lp.id, command="Tdcall", reason=reason))
        return
    if command.hold is not None and _lingers(state, command, command.hold):
        return
    _set_registers(lp, command)
    _attend(state, lp, translation(state, lp), Intercept("TDCALL", 0))


def _set_registers(lp: LogicalProcessor, command: c.Tdcall) -> None:
    for number, name in enumerate(GPR_NAMES):
        value = getattr(command, name.lower(), None)
        if value is not None:
            lp.cpu.gprs[number] = value & U64


def _lingers(state: State, command: c.Tdcall, checks: int) -> bool:
    """Whether the call stays inside the module; tried on a copy, for the locks that it takes."""
    twin, module = state.copy(), state.module
    assert twin.module is not None and module is not None
    _set_registers(twin.platform.lps[command.lp], command)
    call = None
    with guarded(twin.platform, twin.module, command.lp):
        call = guest_leaves.held(twin.platform, twin.module, command.lp, checks)
    if call is None:
        return False
    regs = {name.lower(): getattr(command, name.lower(), None) for name in GPR_NAMES}
    named = tuple((name, value) for name, value in regs.items() if value is not None)
    seen = tuple(call.seen.items())
    module.inside[command.lp] = Inside(call.leaf.name, named, tuple(call.locks), call.passed, seen)
    locks = tuple(str(lock) for lock in call.locks)
    state.platform.note(SeamcallHeld(lp=command.lp, name=call.leaf.name, passed=call.passed, locks=locks))
    return True


def proceed(state: State, lp: int) -> None:
    """The call that a logical processor is still in goes on, the host's or the guest's."""
    module = state.module
    assert module is not None
    held = module.inside[lp]
    if not held.name.startswith("TDG."):
        dispatch.proceed(state.platform, module, lp)
        return
    tdcall(state, c.Tdcall(lp=lp, **dict(held.regs)))  # which takes it out of ``inside``
    module.inside.pop(lp, None)
