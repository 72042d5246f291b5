"""Letting the guest run, and playing attacks. Each function expands one action."""

from collections.abc import Sequence

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.attacks import catalogue
from tdxviz.core.attacks.play import play
from tdxviz.core.drive import drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import run
from tdxviz.core.machine import Machine
from tdxviz.core.units import LINE, Hpa, line_of
from tdxviz.session import deeds as d
from tdxviz.session import places
from tdxviz.session.actions import Script
from tdxviz.session.timeline import MOST_STEPS

AHEAD = 64
"""Instructions looked ahead, on a copy, while waiting for the guest to use a line."""


def resume(machine: Machine, args: d.Resume) -> Script:
    until = None if args.until == "" else places.label(machine, args.until)
    steps, lp = _steps(args.steps), _lp(machine, args.lp)
    yield from run.resume(machine, lp=lp, steps=steps, until=until, trace=args.trace)
    return None


def enter_once(machine: Machine, args: d.Enter) -> Script:
    """One entry and up to ``steps`` instructions; the host answers nothing."""
    steps, lp = _steps(args.steps), _lp(machine, args.lp)
    yield from run.enter(machine, lp)
    if machine.platform.lps[lp].mode != "host":
        yield c.RunGuest(lp=lp, steps=steps)
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
