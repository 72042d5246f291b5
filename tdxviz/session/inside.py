"""Time travel inside a run: single instructions of commands that told none of them.

A run without trace makes no events, so an index cannot name what happened in it. A *depth* can: a
command and how many of its steps are done. A step is an instruction, or what is delivered in its place.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tdxviz.core.commands import Command, RunGuest
from tdxviz.core.events import InstructionRetired
from tdxviz.core.faults import TdxvizError

if TYPE_CHECKING:
    from tdxviz.session.timeline import Timeline


class Depth(NamedTuple):
    """``steps`` of the ``RunGuest`` with this number are done."""

    command: int
    steps: int


@dataclass(frozen=True, slots=True)
class Spot:
    """An instant of a timeline. Without depth: after ``index`` events."""

    index: int
    depth: Depth | None = None


class Steps:
    """How many steps each command of a timeline ran guests for."""

    def __init__(self) -> None:
        self.done: list[int] = []
        """After each command, since the beginning."""
        self.silent: list[int] = []
        """Numbers of the commands that ran a guest and told nothing of its instructions."""

    def add(self, command: Command, ran: int) -> None:
        ran = ran if isinstance(command, RunGuest) else 0
        if ran and not getattr(command, "trace", True):
            self.silent.append(len(self.done))
        self.done.append(self.before(len(self.done)) + ran)

    def until(self, number: int) -> "Steps":
        """Of the first ``number`` commands."""
        twin = Steps()
        twin.done, twin.silent = self.done[:number], self.silent[: bisect_left(self.silent, number)]
        return twin

    def ran(self, number: int) -> int:
        """Of one command."""
        return self.done[number] - self.before(number)

    def before(self, number: int) -> int:
        """Of all commands before one."""
        return self.done[number - 1] if number else 0

    @property
    def total(self) -> int:
        return self.before(len(self.done))

    def command_of(self, step: int) -> int | None:
        """The command in which a step, counted from 1, was done."""
        at = bisect_left(self.done, step)
        return at if at < len(self.done) else None

    def is_silent(self, number: int) -> bool:
        at = bisect_left(self.silent, number)
        return at < len(self.silent) and self.silent[at] == number


def spot(timeline: "Timeline", depth: Depth) -> Spot:
    """Where ``depth`` lies. Raises TdxvizError for a place that the timeline does not have."""
    number, steps = depth
    if not 0 <= number < len(timeline.commands) or not timeline.steps.is_silent(number):
        raise TdxvizError(f"command {number} of this recording is no silent run of a guest")
    if not 0 <= steps <= timeline.steps.ran(number):
        raise TdxvizError(f"step {steps} lies outside the run, 0..{timeline.steps.ran(number)}")
    at_end = steps == timeline.steps.ran(number) and number + 1 == len(timeline.commands)
    return Spot(timeline.index_of(depth), None if at_end else depth)


def number_at(timeline: "Timeline", here: Spot) -> int:
    """Steps of all runs since the beginning of the recording."""
    if here.depth is not None:
        return timeline.steps.before(here.depth.command) + here.depth.steps
    done = timeline.command_at(here.index)
    seen = timeline.events[timeline.starts[done] : here.index] if done < len(timeline.commands) else []
    return timeline.steps.before(done) + sum(type(event) is InstructionRetired for event in seen)


def numbered(timeline: "Timeline", number: int) -> Spot:
    """The instant after ``number`` steps. Beyond the ends means the end."""
    if number <= 0:
        return _beginning(timeline)
    command = timeline.steps.command_of(number)
    if command is None:
        return Spot(len(timeline.events))
    steps = number - timeline.steps.before(command)
    if timeline.steps.is_silent(command):
        return spot(timeline, Depth(command, steps))
    run = msgspec.structs.replace(timeline.commands[command], steps=steps)
    return Spot(timeline.starts[command] + len(timeline.twin_after(command).do(run)))


def _beginning(timeline: "Timeline") -> Spot:
    """Index 0, or before a silent run there, which index 0 alone would count as done."""
    first = timeline.steps.silent[:1]
    return Spot(0, Depth(first[0], 0)) if first and timeline.starts[first[0]] == 0 else Spot(0)


def stepped(timeline: "Timeline", here: Spot, count: int) -> Spot:
    """``count`` instructions on, or back if negative, whether they were told or not."""
    for _ in range(abs(count)):
        after = _next(timeline, here) if count > 0 else _previous(timeline, here)
        if after == here:
            break
        here = after
    return here


def _next(timeline: "Timeline", here: Spot) -> Spot:
    depth = here.depth
    if depth is not None and depth.steps < timeline.steps.ran(depth.command):
        return spot(timeline, Depth(depth.command, depth.steps + 1))
    done = timeline.command_at(here.index) if depth is None else depth.command + 1
    at = bisect_left(timeline.steps.silent, done)
    silent = timeline.steps.silent[at] if at < len(timeline.steps.silent) else None
    marks = timeline.instructions
    at = bisect_left(marks, here.index + 1)
    told = marks[at] if at < len(marks) else None
    if silent is not None and (told is None or silent < timeline.command_of_event(told - 1)):
        return spot(timeline, Depth(silent, 1))
    return Spot(len(timeline.events) if told is None else told)


def _previous(timeline: "Timeline", here: Spot) -> Spot:
    depth = here.depth
    if depth is not None and depth.steps > 1:
        return spot(timeline, Depth(depth.command, depth.steps - 1))
    done = timeline.command_at(here.index) if depth is None else depth.command
    if depth is not None and depth.steps == 1 and not (done and timeline.steps.is_silent(done - 1)):
        return spot(timeline, Depth(done, 0))
    at = bisect_left(timeline.steps.silent, done) - 1
    silent = timeline.steps.silent[at] if at >= 0 else None
    marks = timeline.instructions
    at = bisect_left(marks, here.index) - 1
    told = marks[at] if at >= 0 else None
    if silent is not None and (told is None or silent > timeline.command_of_event(told - 1)):
        behind = depth is None and silent == done - 1 and here.index == timeline.end_of(silent)
        return spot(timeline, Depth(silent, timeline.steps.ran(silent) - behind))
    return _beginning(timeline) if told is None else Spot(told)
