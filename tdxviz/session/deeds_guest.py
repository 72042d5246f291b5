"""Letting the guest run, and playing attacks. Each function expands one action."""

from collections.abc import Generator, Sequence

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.arch import metadata
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.attacks import catalogue
from tdxviz.core.attacks.play import play
from tdxviz.core.drive import drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import conduct, firmware_notes, guest_run, guests, layout, run
from tdxviz.core.host.vmm import Vmm
from tdxviz.core.machine import Machine
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import LINE, U64, Hpa, line_of
from tdxviz.session import deeds as d
from tdxviz.session import deeds_firmware, places, program_file
from tdxviz.session.actions import Script
from tdxviz.session.timeline import MOST_STEPS, SILENT_CHUNK

AHEAD = 64
"""Instructions looked ahead, on a copy, while waiting for the guest to use a line."""


def resume(machine: Machine, args: d.Resume) -> Script:
    until = None if args.until == "" else places.label(machine, args.until)
    steps, lp = _steps(args.steps), _lp(machine, args.lp)
    if firmware_notes.read(machine) is not None:
        return (yield from deeds_firmware.run(machine, args, until))
    vmm = conduct.host(args.conduct)
    yield from run.resume(machine, lp=lp, steps=steps, until=until, trace=args.trace, vmm=vmm)
    return None


def enter_once(machine: Machine, args: d.Enter) -> Script:
    """One entry and up to ``steps`` instructions; the host answers nothing."""
    steps, lp = _steps(args.steps), _lp(machine, args.lp)
    yield from run.enter(machine, lp, vcpu=args.vcpu)
    if machine.platform.lps[lp].mode != "host":
        yield c.RunGuest(lp=lp, steps=steps)
    return None


def program(machine: Machine, args: d.Program) -> Script:
    """Build a guest around the program and serve it as told; it tells nothing while it runs."""
    if not 0 < args.limit <= MOST_STEPS:
        raise TdxvizError(f"limit {args.limit} must be 1..{MOST_STEPS}")
    if machine.vms or (machine.module is not None and machine.module.pamt):
        raise TdxvizError("a guest is here already; a program of your own needs an empty machine")
    yield from run_program(machine, args, conduct.host(args.conduct))
    return None


def run_program(
    machine: Machine, args: d.Program, vmm: Vmm
) -> Generator[c.Command, tuple[e.Event, ...], guest_run.Outcome]:
    """The same with a host whose console can be listened to. Returns how the program ended."""
    image = program_file.image(args)
    pages = guests.plan(image)
    machine.books = guests.books(image, pages)
    yield from guest_run.start(machine, pages)
    return (
        yield from guest_run.serve(
            machine, args.limit, vmm=vmm, demand=guests.Demand(pages), most=SILENT_CHUNK
        )
    )


def write_register(machine: Machine, args: d.Register) -> Script:
    """The host's only way to a vCPU's registers, whether it leads anywhere or not."""
    known = ("RIP", *GPR_NAMES)
    if args.register not in known:
        raise TdxvizError(f"register: no {args.register!r}; {did_you_mean(args.register, known)}")
    value = places.label(machine, args.value)
    if machine.world == "legacy":
        yield c.VmWrite(register=args.register, value=value)
        return None
    name = f"Guest {args.register}" if args.register in ("RIP", "RSP") else args.register
    field = metadata.named(name).element_id(0)
    leaf = BY_NAME["TDH.VP.WR"].number
    yield c.Seamcall(rax=leaf, lp=0, rcx=layout.TDVPR, rdx=field, r8=value, r9=U64)
    return None


def touch(machine: Machine, args: d.Touch) -> Script:
    """Stops right after the instruction that used the line, or when the guest stops for good."""
    if args.kind not in ("load", "store"):
        raise TdxvizError(f"kind: {args.kind!r} must be load or store")
    line, lp = line_of(places.hpa(machine, args.at)), _lp(machine, args.lp)
    for _ in range(0, _steps(args.steps), AHEAD):
        twin = machine.copy()
        story, _ = drive(twin, run.resume(twin, lp=lp, steps=AHEAD))
        used = _instructions_until(story, line, args.kind)
        yield from run.resume(machine, lp=lp, steps=used or AHEAD)
        if used or not any(isinstance(event, e.InstructionRetired) for event in story):
            return None
    return None


def _instructions_until(story: Sequence[e.Event], line: Hpa, kind: str) -> int:
    """How many instructions it takes until one uses the line; 0 when none does."""
    done = 0
    for event in story:
        if isinstance(event, e.InstructionRetired):
            done += 1
        elif _uses(event, line, kind):
            return done + 1
    return 0


def _uses(event: e.Event, line: Hpa, kind: str) -> bool:
    """A finished access to the line, or one that ended in a machine check."""
    if isinstance(event, e.MachineCheckRaised):
        return line_of(event.hpa) == line
    if kind == "store":
        return isinstance(event, e.MemoryStored) and _overlaps(event.hpa, event.data, line)
    if isinstance(event, e.MemoryLoaded) and event.kind == "load":
        return _overlaps(event.hpa, event.data, line)
    return False


def _overlaps(hpa: Hpa, data: bytes, line: Hpa) -> bool:
    return hpa < line + LINE and line < hpa + len(data)


def attack(machine: Machine, args: d.Which) -> Script:
    return (yield from play(machine, catalogue.attack(args.id)))


def interrupt(machine: Machine, args: d.Interrupt) -> Script:
    """The interrupt arrives and, if a guest runs there, makes it exit."""
    lp = _lp(machine, args.lp)
    inside = machine.platform.lps[lp].mode != "host"
    yield c.RaiseInterrupt(lp=lp, vector=args.vector)
    if inside:
        yield c.RunGuest(lp=lp, steps=1)
    return None


def _steps(steps: int) -> int:
    if not 0 < steps <= MOST_STEPS:
        raise TdxvizError(f"steps: {steps} must be 1..{MOST_STEPS}")
    return steps


def _lp(machine: Machine, lp: int) -> int:
    if not 0 <= lp < len(machine.platform.lps):
        raise TdxvizError(f"lp: there is no logical processor {lp}")
    return lp
