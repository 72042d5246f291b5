"""Playing a saved script again, line by line."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from tdxviz.core import codec
from tdxviz.core.commands import Command, RunGuest
from tdxviz.core.events import Event
from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.outcome import Verdict
from tdxviz.core.units import World
from tdxviz.session import journal as j
from tdxviz.session.actions import Action, Script, arguments, expand
from tdxviz.session.inside import Depth
from tdxviz.session.timeline import Entry, Timeline


class Player(Protocol):
    """What a session must offer to be told its own story again."""

    index: int

    @property
    def timeline(self) -> Timeline: ...
    def act(self, action: Action) -> object: ...
    def play(self, action: Action, script: Callable[[Machine], Script]) -> object: ...
    def go_to(self, index: int) -> object: ...
    def go_inside(self, depth: Depth) -> object: ...
    def switch_branch(self, number: int) -> object: ...
    def switch_world(self, world: World) -> object: ...
    def bookmark(self, name: str) -> object: ...


def play_lines(session: Player, lines: Sequence[j.Numbered], name: str) -> Iterator[tuple[int, Entry | None]]:
    """Carry out every line; yields its number and the entry it made, None for turns of the story.

    Raises:
        TdxvizError: ``name:line: what is wrong``.
    """
    for number, line in lines:
        try:
            entry = _play_line(session, line)
        except TdxvizError as error:
            raise TdxvizError(f"{name}:{number}: {error}") from None
        yield number, entry


def _play_line(session: Player, line: j.Line | Command) -> Entry | None:
    known = len(session.timeline.entries)
    match line:
        case Command():
            session.act(Action("command", {"command": codec.to_plain(line)}))
        case j.ActionLine(commands=None):
            session.act(Action(line.action, line.args))
        case j.ActionLine():
            _play_recorded(session, Action(line.action, line.args), line.commands or [])
        case j.ForkLine() | j.PlaceLine():
            session.go_to(_inside(session, line.at))
            if line.run is not None:
                session.go_inside(Depth(line.run, line.steps))
        case j.BranchLine():
            session.switch_branch(line.branch)
        case j.WorldLine():
            session.switch_world(line.world)
        case j.BookmarkLine():
            session.go_to(_inside(session, line.at))
            session.bookmark(line.bookmark)
            session.go_to(len(session.timeline.events))
        case _:
            return None
    made = session.timeline.entries
    return made[-1] if len(made) > known or isinstance(line, j.ActionLine | Command) else None


def _inside(session: Player, index: int) -> int:
    total = len(session.timeline.events)
    if not 0 <= index <= total:
        raise TdxvizError(f"index {index} is outside the timeline 0..{total}")
    return index


def _play_recorded(session: Player, action: Action, commands: Sequence[Command]) -> None:
    arguments(action)
    session.play(action, lambda live: follow(live, expand(live, action), commands))


def follow(machine: Machine, script: Script, commands: Sequence[Command]) -> Script:
    """Exactly the recorded commands. The script comes along for its verdict while it agrees."""
    guide = Guide(machine, script)
    for command in commands:
        guide.hear(command, (yield command))
    return guide.verdict


class Guide:
    """Runs a script beside its own recording, in which long guest runs are cut into pieces."""

    def __init__(self, machine: Machine, script: Script) -> None:
        self.verdict: Verdict | None = None
        self._machine = machine
        self._script: Script | None = script
        self._wanted: Command | None = None
        self._heard: tuple[Event, ...] = ()
        self._advance(None)

    def hear(self, command: Command, events: tuple[Event, ...]) -> None:
        """The next recorded command and what came of it."""
        wanted = self._wanted
        if self._script is None or wanted is None:
            self._script = None
            self.verdict = None
            return
        self._heard += events
        if command == wanted or self._is_last_piece(command, wanted):
            self._advance(self._heard)
        elif not _is_piece(command, wanted):
            self._script = None
        else:
            assert isinstance(command, RunGuest) and isinstance(wanted, RunGuest)
            left = wanted.steps - command.steps
            self._wanted = msgspec.structs.replace(wanted, steps=left)

    def _is_last_piece(self, command: Command, wanted: Command) -> bool:
        if not (isinstance(command, RunGuest) and _is_piece(command, wanted)):
            return False
        lp = self._machine.platform.lps[command.lp]
        return lp.mode == "host" or lp.cpu.rip == command.until

    def _advance(self, events: tuple[Event, ...] | None) -> None:
        assert self._script is not None
        self._heard = ()
        try:
            self._wanted = next(self._script) if events is None else self._script.send(events)
        except StopIteration as end:
            self._wanted, self.verdict = None, end.value
        except TdxvizError:
            self._wanted = None


def _is_piece(command: Command, wanted: Command) -> bool:
    if not (isinstance(command, RunGuest) and isinstance(wanted, RunGuest)):
        return False
    whole = msgspec.structs.replace(wanted, steps=command.steps, at_once=command.at_once)
    return command == whole and command.steps <= wanted.steps
