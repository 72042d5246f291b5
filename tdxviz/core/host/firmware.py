"""Booting real TD firmware: a TD built from its TDVF metadata, and a host that serves it.

Source: attestation-and-migration 1.5, 1.6, 1.8.
"""

from collections.abc import Callable, Generator

from tdxviz.core import peek_sept
from tdxviz.core.arch import exits
from tdxviz.core.arch.leaves import TDCALL
from tdxviz.core.commands import Command, RunGuest
from tdxviz.core.events import Event, InstructionNotModelled, LeafReturned, RunPaused, TdExited
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import firmware_notes, run, sharing
from tdxviz.core.host.chipset import WANTS_RESET, Chipset
from tdxviz.core.host.firmware_build import LARGE, MEMORY, Boot, Tdcall, begin, build, give
from tdxviz.core.host.guest_run import verdict
from tdxviz.core.host.seam import Recipe
from tdxviz.core.host.vmm import Request, request_of
from tdxviz.core.hw.cpu import GPR_NAMES, RAX
from tdxviz.core.machine import Machine
from tdxviz.core.units import PAGE, Gla

__all__ = ["LARGE", "MEMORY", "Boot", "Tdcall", "begin", "build", "resume", "start", "step"]

MOST_LISTED = 10_000
SIZES = (PAGE, LARGE)
LONGEST_RUN, TOLD_EVERY = 5_000_000, 1_000_000
"""Instructions of one command, and between two words about progress."""


Progress = Callable[[Boot], None]


def step(
    machine: Machine, job: Boot, limit: int, *, lp: int = 0, trace: bool = False, most: int = LONGEST_RUN,
    until: Gla | None = None, progress: Progress | None = None, at_once: bool = False,
) -> Generator[Command, tuple[Event, ...], str]:  # fmt: skip
    """Run up to the next TDCALL (which is listed, not yet executed), to the instruction at ``until``, or
    until ``limit`` instructions have run since reset, ``most`` in one command. Returns why the firmware
    cannot go on, or nothing. ``at_once``: the next instruction may be a TDCALL that nobody stopped at."""
    _overheard(machine, job, lp)
    while True:
        yield from run.enter(machine, lp, job.answer)
        processor = machine.platform.lps[lp]
        if processor.mode == "host":
            return "dead: the TD cannot be entered any more"
        left = limit - processor.retired
        if left <= 0:
            return f"limit: {limit:,} instructions have run"
        steps = min(most, left)
        events = yield RunGuest(
            lp=lp, steps=steps, until=until, trace=trace, stop_before="TDCALL", at_once=at_once
        )
        job.instructions = processor.retired
        if progress is not None:
            progress(job)
        yield from _respond(machine, job, events)
        # a run that was cut off may have ended just before a TDCALL; only a refused accept is made again
        at_once = processor.mode != "host" or bool(job.answer)
        if job.noted and processor.mode == "host":
            yield from firmware_notes.keep(machine, _notes(job))
        ended = _ended(job, events)
        if ended:
            return ended
        if until is not None and processor.mode != "host" and processor.cpu.rip == until:
            return ""
        paused = next((event for event in events if isinstance(event, RunPaused)), None)
        if paused is not None:
            _list(job, paused)
            return ""


def _overheard(machine: Machine, job: Boot, lp: int) -> None:
    """A TDVMCALL whose exit the host has seen and not yet answered: its registers are still there."""
    processor = machine.platform.lps[lp]
    waiting = processor.mode == "host" and processor.gprs[RAX] == exits.TDCALL
    if not waiting or job.answered != processor.retired:
        job.answer = {}
    if waiting and job.answered != processor.retired:
        regs = {str(name): value for name, value in zip(GPR_NAMES, processor.gprs, strict=True)}
        _serve(job, Request(regs["R11"], regs), processor.retired)


def _notes(job: Boot) -> firmware_notes.Notes:
    vmm = job.vmm
    return firmware_notes.Notes(
        job.name, job.memory, job.promised, job.added, vmm.ports, vmm.msrs, vmm.mmio, vmm.notify_vector,
        vmm.halted, vmm.fatal, job.answer, job.answered,
    )  # fmt: skip


def resume(machine: Machine) -> Boot:
    """The boot that goes on in this machine: the host's notes, and what the module's tables say.

    Raises:
        TdxvizError: no firmware was booted here.
    """
    notes = firmware_notes.read(machine)
    if notes is None:
        raise TdxvizError("no firmware was booted in this machine; boot one first")
    vmm = Chipset(
        memory=notes.memory, ports=notes.ports, msrs=notes.msrs, mmio=notes.mmio, notify_vector=notes.notify,
        halted=notes.halted, fatal=notes.fatal,
    )  # fmt: skip
    job = Boot(
        notes.name, notes.memory, notes.promised, vmm, added=notes.added, answer=notes.answer,
        answered=notes.answered, noted=True, instructions=machine.platform.lps[0].retired,
    )  # fmt: skip
    for td in peek_sept.guests(machine)[:1]:
        for entry in peek_sept.entries(machine, td):
            if entry.is_table:
                job.tables.add((entry.level, entry.gpa))
            elif entry.state == "MAPPED":
                job.accepted[SIZES[min(entry.level, 1)]] += 1
    job.accepted[PAGE] -= job.added
    return job


def note(machine: Machine, job: Boot) -> Recipe:
    """From now on the host writes down what it remembers of this boot."""
    job.noted = True
    yield from firmware_notes.keep(machine, _notes(job))


def _serve(job: Boot, request: Request, at: int) -> None:
    job.answer, job.answered = job.vmm.serve(request), at


def leaf_name(rax: int) -> str:
    """The TDCALL leaf that RAX names."""
    number = rax & 0xFFFF
    return TDCALL[number].name if number in TDCALL else f"leaf {number}"


def _list(job: Boot, paused: RunPaused) -> None:
    """The TDCALL that comes next."""
    job.total += 1
    if len(job.tdcalls) < MOST_LISTED:
        job.tdcalls.append(Tdcall(leaf_name(paused.rax), paused.rip, paused.number))


def _respond(machine: Machine, job: Boot, events: tuple[Event, ...]) -> Recipe:
    job.answer = {}
    for event in events:
        request = request_of(event)
        if request is not None:
            _serve(job, request, job.instructions)
            yield from _convert(machine, job)
        elif isinstance(event, LeafReturned) and event.name == "TDG.MEM.PAGE.ACCEPT" and event.status == 0:
            job.accepted[SIZES[event.inputs.get("RCX", 0) & 1]] += 1
        elif (
            isinstance(event, LeafReturned)
            and event.name == "TDH.VP.ENTER"
            and event.status == exits.EPT_VIOLATION
        ):
            yield from give(machine, job, event.outputs.get("R8", 0), event.outputs.get("RDX", 0))


def _convert(machine: Machine, job: Boot) -> Recipe:
    """MapGPA, the host's part. Beyond memory there are registers of devices, and nothing to convert."""
    vmm = job.vmm
    vmm.converted = [row for row in vmm.converted if row[0] + row[1] <= job.memory]
    yield from sharing.carry_out(machine, vmm)
    vmm.converted, vmm.carried = [], 0


def _ended(job: Boot, events: tuple[Event, ...]) -> str:
    if job.vmm.fatal is not None:
        code, text = job.vmm.fatal
        if code == WANTS_RESET:
            return "reset: the firmware asks for a reset of the machine"
        return f"fatal error: the firmware reported {code:#x} {text.decode('ascii', 'replace')}".rstrip()
    if job.vmm.halted:
        return "halt: the firmware halted, and nothing will wake it"
    for event in events:
        if isinstance(event, InstructionNotModelled):
            return f"not modelled: {event.text} at {event.rip:#x}"
        if isinstance(event, TdExited) and event.reason not in (exits.EPT_VIOLATION, exits.TDCALL):
            return ": ".join(verdict(events) or ("dead", event.why))
    return ""


def start(
    machine: Machine, job: Boot, limit: int, progress: Progress, *, go_on: bool
) -> Generator[Command, tuple[Event, ...], str]:
    """Run TDCALL by TDCALL until all memory is accepted, or to the end of ``limit`` instructions if
    ``go_on``. Returns the reason it stopped."""
    while True:
        ended = yield from step(machine, job, limit, most=TOLD_EVERY, progress=progress)
        progress(job)
        if ended:
            return ended
        if not go_on and job.accepted_bytes >= job.promised:
            return "accepted: all memory that the host promised is accepted"
