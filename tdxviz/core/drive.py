"""Let a script-in-the-making drive a machine: the headless way to run recipes and attacks."""

from collections.abc import Generator
from typing import TypeVar

from tdxviz.core.commands import Command
from tdxviz.core.events import Event
from tdxviz.core.machine import Machine

T = TypeVar("T")


def carry_out(machine: Machine, script: Generator[Command, tuple[Event, ...], T]) -> T:
    """Like ``drive`` without keeping the events: for long runs."""
    try:
        command = next(script)
        while True:
            command = script.send(machine.do(command))
    except StopIteration as end:
        return end.value


def drive(machine: Machine, script: Generator[Command, tuple[Event, ...], T]) -> tuple[list[Event], T]:
    """Carry out every command the script yields; returns all events and the script's result."""
    story: list[Event] = []
    try:
        command = next(script)
        while True:
            events = machine.do(command)
            story.extend(events)
            command = script.send(events)
    except StopIteration as end:
        return story, end.value
