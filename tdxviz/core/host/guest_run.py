"""Running a user's program to its end: enter, serve what it asks for, enter again.

In a TD the host sees TDVMCALLs, in an ordinary VM the port accesses themselves; the same devices answer.
"""

from collections.abc import Generator
from dataclasses import dataclass

from tdxviz.core.arch import exits
from tdxviz.core.arch import status as s
from tdxviz.core.commands import Command, RunGuest
from tdxviz.core.events import (
    Event,
    InstructionNotModelled,
    LeafReturned,
    TdExited,
    VmExited,
)
from tdxviz.core.host import boot, guests, run, sharing, vm_exits
from tdxviz.core.host.vmm import Registers, Vmm, request_of
from tdxviz.core.machine import Machine

LONGEST_CONSOLE = 1 << 18
"""Bytes; a program that writes more is stopped."""
SLICE = 200_000
"""Instructions between two looks at the budget."""
ACCEPT = 1
REPORTED_UD = 128 + 6
"""Exit code of the runtime after #UD."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended. ``reason``: exit, limit, console, halt, memory, not modelled, fatal error,
    machine check, triple fault or dead; ``detail`` says it in words."""

    console: bytes
    exit_code: int | None
    instructions: int
    reason: str
    detail: str


Serving = Generator[Command, tuple[Event, ...], Outcome]


def start(
    machine: Machine, pages: guests.Plan, *, attributes: int = boot.SEPT_VE_DISABLE
) -> Generator[Command, tuple[Event, ...], None]:
    """From power-on to a guest that only has to be entered. ``attributes`` are the TD's."""
    if machine.world == "legacy":
        yield from guests.build_vm(pages)
    else:
        yield from boot.bring_up()
        yield from guests.build_td(pages, attributes=attributes)


def serve(
    machine: Machine, limit: int, *, vmm: Vmm | None = None, demand: guests.Demand | None = None,
    lp: int = 0, trace: bool = False, most: int = SLICE,
) -> Serving:  # fmt: skip
    """Let the guest run for up to ``limit`` instructions, ``most`` in one command. ``demand``: the host adds pages that a TD accepts."""
    vmm = vmm or Vmm()
    begun, answer = machine.platform.lps[lp].retired, Registers()
    unknown: InstructionNotModelled | None = None
    while True:
        done = machine.platform.lps[lp].retired - begun
        ended = _ended(vmm, done, limit)
        if not ended:
            yield from run.enter(machine, lp, answer)
            if machine.platform.lps[lp].mode == "host":
                ended = ("dead", "the guest cannot be entered any more")
            else:
                events = yield RunGuest(lp=lp, steps=min(most, limit - done), trace=trace)
                unknown = next((n for n in events if isinstance(n, InstructionNotModelled)), unknown)
                answer, given = yield from _respond(machine, events, vmm, demand, lp)
                yield from sharing.carry_out(machine, vmm)
                ended = None if given else verdict(events)
        if ended:
            done = machine.platform.lps[lp].retired - begun
            if unknown and (vmm.exit_code == REPORTED_UD or ended[0] == "triple fault"):
                ended = (
                    "not modelled",
                    f"{unknown.text} at {unknown.rip:#x} is not modelled; the guest got #UD",
                )
            return Outcome(bytes(vmm.console), vmm.exit_code, done, *ended)


def _ended(vmm: Vmm, done: int, limit: int) -> tuple[str, str] | None:
    """Why not to go on, by what the guest has said so far."""
    if vmm.exit_code is not None:
        return "exit", f"it wrote {vmm.exit_code} to port 0xF4"
    if vmm.fatal is not None:
        code, text = vmm.fatal
        return (
            "fatal error",
            f"it reported the fatal error {code:#x} {text.decode('ascii', 'replace')}".rstrip(),
        )
    if vmm.halted:
        return "halt", "it halted, and nothing will wake it"
    if len(vmm.console) > LONGEST_CONSOLE:
        return "console", f"it wrote more than {LONGEST_CONSOLE >> 10} KiB to the console"
    if done >= limit:
        return "limit", f"it did not end within {limit:,} instructions"
    return None


def _respond(
    machine: Machine, events: tuple[Event, ...], vmm: Vmm, demand: guests.Demand | None, lp: int
) -> Generator[Command, tuple[Event, ...], tuple[Registers, bool]]:
    """Registers for the next entry, and whether a page was added because the guest accepts it."""
    answer, given = Registers(), False
    for event in events:
        request = request_of(event)
        if request is not None:
            answer = vmm.serve(request)
        elif isinstance(event, VmExited):
            yield from vm_exits.serve(machine, event, vmm, lp)
        elif demand and isinstance(event, LeafReturned) and _accepts(event):
            before = len(demand.added)
            yield from demand.give(event.outputs.get("R8", 0))
            given = len(demand.added) > before
    return answer, given


def _accepts(event: LeafReturned) -> bool:
    """A TD exit because TDG.MEM.PAGE.ACCEPT found no page (extended exit qualification, type 1)."""
    left = event.name == "TDH.VP.ENTER" and event.status == exits.EPT_VIOLATION
    return left and event.outputs.get("RDX", 0) & 0xFF == ACCEPT


def verdict(events: tuple[Event, ...]) -> tuple[str, str] | None:
    """What ended the guest's life, if something did."""
    for event in events:
        if isinstance(event, TdExited):
            return _td_exit(event)
        if isinstance(event, VmExited):
            return _reason(event.reason, event.why)
    return None


def _td_exit(event: TdExited) -> tuple[str, str] | None:
    if event.status & (s.FATAL | s.NON_RECOVERABLE) and event.reason != exits.TRIPLE_FAULT:
        return "dead", event.why
    return _reason(event.reason, event.why)


def _reason(reason: int, why: str) -> tuple[str, str] | None:
    match reason:
        case exits.TRIPLE_FAULT:
            return "triple fault", "an exception could not be delivered, not even a double fault"
        case exits.EPT_VIOLATION:
            return "memory", f"it used memory that it does not have: {why}"
        case exits.NMI:
            return "machine check", why
    return None
