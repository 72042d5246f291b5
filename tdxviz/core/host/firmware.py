"""Booting real TD firmware: a TD built from its TDVF metadata, and a host that serves it.

Source: attestation-and-migration 1.5, 1.6, 1.8.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from tdxviz.core.arch import exits
from tdxviz.core.arch.leaves import TDCALL
from tdxviz.core.commands import Command, HostWrite, RunGuest
from tdxviz.core.events import Event, InstructionNotModelled, LeafReturned, RunPaused, TdExited
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import boot, layout, run, tdvf
from tdxviz.core.host.guest_run import verdict
from tdxviz.core.host.seam import Recipe, seamcall
from tdxviz.core.host.vmm import Registers, Vmm, request_of
from tdxviz.core.machine import Machine
from tdxviz.core.units import MIB, PAGE, Gpa, Hpa

BUILD_FRAMES: Hpa = 16 * MIB
"""Pages that are there from the beginning."""
SMALL_FRAMES, LARGE_FRAMES = 24 * MIB, 32 * MIB
"""Pages of 4 KiB and of 2 MiB that the firmware accepts later."""
LARGE = 2 * MIB
MEMORY = 128 * MIB
MOST_LISTED = 10_000
SIZES = (PAGE, LARGE)
LONGEST_RUN = 5_000_000


@dataclass(frozen=True)
class Tdcall:
    """``instruction``: its number, counted from 1 at the reset vector."""

    leaf: str
    at: Gpa
    instruction: int


@dataclass
class Boot:
    """The host's own memory of one boot, and what it saw. ``memory``: bytes the TD is told it has."""

    firmware: tdvf.Firmware
    memory: int = MEMORY
    vmm: Vmm = field(default_factory=Vmm)
    tdcalls: list[Tdcall] = field(default_factory=list)
    total: int = 0
    """TDCALLs in all; the list ends after the first few thousand."""
    accepted: dict[int, int] = field(default_factory=lambda: {PAGE: 0, LARGE: 0})
    """Page size -> pages accepted."""
    tables: set[tuple[int, Gpa]] = field(default_factory=set)
    """Secure EPT tables that exist: (level, first GPA)."""
    used_small: int = 0
    used_large: int = 0
    instructions: int = 0

    @property
    def accepted_bytes(self) -> int:
        return sum(size * count for size, count in self.accepted.items())

    @property
    def unaccepted_bytes(self) -> int:
        """What the hand-off list asks the firmware to accept."""
        there = sum(s.memory for s in self.firmware.sections if s.type in ("TD_HOB", "TempMem") and s.added)
        return self.memory - there


def build(job: Boot) -> Recipe:
    """Platform up, TD built page by page as KVM does it: PAGE.ADD, then MR.EXTEND where it is asked for."""
    place, hob = tdvf.hob(job.firmware, job.memory)
    pages = [
        (
            gpa,
            hob[gpa - place : gpa - place + PAGE].ljust(PAGE, b"\x00")
            if 0 <= gpa - place < len(hob)
            else content,
            extend,
        )
        for gpa, content, extend in job.firmware.added_pages()
    ]
    if len(pages) * PAGE > SMALL_FRAMES - BUILD_FRAMES:
        raise TdxvizError(
            f"{job.firmware.name}: {len(pages)} pages at build time are more than this host keeps"
        )
    yield from boot.bring_up()
    yield from boot.create_td()
    yield from boot.create_vcpu(operand=place)
    for gpa, _, _ in pages:
        yield from _tables(job, gpa, 0)
    for n, (gpa, content, extend) in enumerate(pages):
        yield from _add(gpa, BUILD_FRAMES + n * PAGE, content, extend)
    yield from seamcall("TDH.MR.FINALIZE", rcx=layout.TDR)


def _add(gpa: Gpa, hpa: Hpa, content: bytes, extend: bool) -> Recipe:
    if extend:
        yield from boot.add_page(gpa, hpa, content, layout.SOURCE_PAGES)
        return
    yield HostWrite(hpa=layout.SOURCE_PAGES, data=content, how="full-line", lp=0)
    yield from seamcall("TDH.MEM.PAGE.ADD", rcx=gpa, rdx=layout.TDR, r8=hpa, r9=layout.SOURCE_PAGES)


def _tables(job: Boot, gpa: Gpa, level: int) -> Recipe:
    """Secure EPT tables down to the one that holds entries of ``level``."""
    for above in range(3, level, -1):
        first = gpa >> 12 + 9 * above << 12 + 9 * above
        if (above, first) not in job.tables:
            page = layout.TABLES + len(job.tables) * PAGE
            yield from seamcall("TDH.MEM.SEPT.ADD", rcx=first | above, rdx=layout.TDR, r8=page)
            job.tables.add((above, first))


Progress = Callable[[Boot], None]


def step(
    machine: Machine, job: Boot, limit: int, *, lp: int = 0, trace: bool = False
) -> Generator[Command, tuple[Event, ...], str]:
    """Run up to the next TDCALL (which is listed, not yet executed) or until ``limit`` instructions
    have run since reset. Returns why the firmware cannot go on, or nothing."""
    answer = Registers()
    while True:
        yield from run.enter(machine, lp, answer)
        processor = machine.platform.lps[lp]
        if processor.mode == "host":
            return "dead: the TD cannot be entered any more"
        left = limit - processor.retired
        if left <= 0:
            return f"limit: {limit:,} instructions have run"
        events = yield RunGuest(lp=lp, steps=min(LONGEST_RUN, left), trace=trace, stop_before="TDCALL")
        job.instructions = processor.retired
        answer = yield from _respond(job, events)
        ended = _ended(job, events)
        if ended:
            return ended
        paused = next((event for event in events if isinstance(event, RunPaused)), None)
        if paused is not None:
            _list(job, paused)
            return ""


def _list(job: Boot, paused: RunPaused) -> None:
    """The TDCALL that comes next."""
    number = paused.rax & 0xFFFF
    leaf = TDCALL[number].name if number in TDCALL else f"leaf {number}"
    job.total += 1
    if len(job.tdcalls) < MOST_LISTED:
        job.tdcalls.append(Tdcall(leaf, paused.rip, paused.number))


def _respond(job: Boot, events: tuple[Event, ...]) -> Generator[Command, tuple[Event, ...], Registers]:
    answer = Registers()
    for event in events:
        request = request_of(event)
        if request is not None:
            answer = job.vmm.serve(request)
        elif isinstance(event, LeafReturned) and event.name == "TDG.MEM.PAGE.ACCEPT" and event.status == 0:
            job.accepted[SIZES[event.inputs.get("RCX", 0) & 1]] += 1
        elif (
            isinstance(event, LeafReturned)
            and event.name == "TDH.VP.ENTER"
            and event.status == exits.EPT_VIOLATION
        ):
            yield from _give(job, event.outputs.get("R8", 0), event.outputs.get("RDX", 0))
    return answer


ACCEPT = 1


def _give(job: Boot, gpa: Gpa, extended: int) -> Recipe:
    """The firmware accepts a page that is not there yet: the host adds it, in the size asked for."""
    if extended & 0xFF != ACCEPT or gpa >= job.memory:
        return
    level = extended >> 32 & 1
    if level and (1, gpa) in job.tables:
        return
    if level:
        hpa, job.used_large = LARGE_FRAMES + job.used_large * LARGE, job.used_large + 1
    else:
        hpa, job.used_small = SMALL_FRAMES + job.used_small * PAGE, job.used_small + 1
    yield from _tables(job, gpa, level)
    yield from seamcall("TDH.MEM.PAGE.AUG", rcx=gpa | level, rdx=layout.TDR, r8=hpa)


def _ended(job: Boot, events: tuple[Event, ...]) -> str:
    if job.vmm.fatal is not None:
        code, text = job.vmm.fatal
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
        ended = yield from step(machine, job, limit)
        progress(job)
        if ended:
            return ended
        if not go_on and job.accepted_bytes >= job.unaccepted_bytes:
            return "accepted: all memory that the host promised is accepted"
