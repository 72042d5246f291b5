"""Actions: what a learner, a lesson or a script wants done, in words that fit every world.

An action is expanded into commands by a generator that may look at the machine; the same action
becomes SEAMCALLs in a TDX world and plain VM commands in the legacy world.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import msgspec

from tdxviz.core.commands import Command
from tdxviz.core.events import Event
from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.outcome import Verdict

Script = Generator[Command, tuple[Event, ...], Verdict | None]
"""Yields commands, is sent the events of each; returns a verdict if the action was an attack."""


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``name`` is a row of the registry, ``args`` its arguments as plain JSON values."""

    name: str
    args: dict[str, Any] = {}


@dataclass(frozen=True)
class Deed:
    """One row of the registry."""

    name: str
    title: str
    """What a button says; fields of the arguments in braces for the timeline."""
    args: type[msgspec.Struct]
    module: str
    """Where the generator function lives, and its name after the colon; loaded when first used."""
    lane: str = "host"
    """Who acts: ``host``, ``device``, ``probe``, ``guest`` or ``attack``."""
    tooltip: str = field(default="", kw_only=True)
    by_reference: bool = field(default=False, kw_only=True)
    """If the action names a ``file``, a saved script keeps that name only: its commands are made anew when
    the script is opened."""

    def expand(self, machine: Machine, args: msgspec.Struct) -> Script:
        module, _, name = self.module.partition(":")
        return getattr(import_module(module), name)(machine, args)


@cache
def registry() -> dict[str, Deed]:
    """Every action by name, in menu order."""
    table: tuple[Deed, ...] = import_module("tdxviz.session.deeds").DEEDS
    return {deed.name: deed for deed in table}


def deed(name: str) -> Deed:
    """Raises TdxvizError with the nearest name when there is no such action."""
    if name not in registry():
        raise TdxvizError(f"there is no action {name!r}; {did_you_mean(name, registry())}")
    return registry()[name]


def arguments(action: Action) -> msgspec.Struct:
    """The checked arguments. Raises TdxvizError naming the action and what is wrong."""
    row = deed(action.name)
    known = row.args.__struct_fields__
    for key in action.args:
        if key not in known:
            raise TdxvizError(f"action {action.name!r} has no {key!r}; {did_you_mean(key, known)}")
    try:
        return msgspec.convert(action.args, row.args)
    except msgspec.ValidationError as error:
        raise TdxvizError(f"action {action.name!r}: {error}") from None


def expand(machine: Machine, action: Action) -> Script:
    """The action's commands in this machine's world. Raises TdxvizError for wrong arguments."""
    return deed(action.name).expand(machine, arguments(action))


def describe(action: Action) -> str:
    """The action in one line of words."""
    if action.name not in registry():
        return action.name
    row = registry()[action.name]
    values = {name: _words(value) for name, value in _all_arguments(action, row).items()}
    return row.title.format_map(values)


def _all_arguments(action: Action, row: Deed) -> dict[str, Any]:
    try:
        return msgspec.structs.asdict(arguments(action))
    except TdxvizError:
        return dict.fromkeys(row.args.__struct_fields__, "?") | action.args


def _words(value: object) -> str:
    if isinstance(value, int) and value >= 4096:
        return f"{value:#x}"
    return str(value)
