"""One world's recording: actions, the commands they became, the events these made.

Events are counted from 0; an *index* is a number of events shown, so index ``i + 1`` is right
after event ``i``. A command that makes no events belongs to the index at which it was given.
"""

from bisect import bisect_right
from collections.abc import Generator
from dataclasses import dataclass, replace

import msgspec

from tdxviz.core.books import Books
from tdxviz.core.commands import Command, RunGuest
from tdxviz.core.events import Event, InstructionRetired, RunPaused
from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.outcome import Verdict
from tdxviz.session.actions import Action, describe
from tdxviz.session.checkpoints import Checkpoints
from tdxviz.session.inside import Depth, Steps
from tdxviz.session.lanes import Lanes

TRACED_CHUNK = 64
"""A traced run is recorded in pieces of this many instructions, so that a jump replays little."""
SILENT_CHUNK = 4096
LONG_CHUNK = 65_536
"""The same for a run that stops before an instruction of its own choosing: a jump costs 30 ms at most."""
MOST_STEPS = 10_000_000
"""Instructions of one command; about ten seconds without trace."""
MOST_EVENTS = 2_000_000
"""About 2 GB of memory."""
SILENT_STEPS_PER_EVENT = 16
"""An instruction without trace replays about this much faster than one event."""
UNRECORDED = "Its end was not recorded: it told too much."
STOPPED = "It was stopped before its end."
TRAIL = 48
"""Copies kept of the places passed on the newest way back, one a command."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One action as it went. Commands and events are half-open ranges on the timeline."""

    action: Action
    first_command: int
    end_command: int
    first_event: int
    end_event: int
    verdict: Verdict | None = None
    partial: bool = False
    """Only its beginning was kept: somebody acted in the middle of it."""
    problem: str = ""
    """Why the action could not be carried out (to the end)."""

    @property
    def title(self) -> str:
        return describe(self.action)


class Timeline:
    """Grows at its end only; ``at(index)`` looks back by replay from the nearest checkpoint."""

    def __init__(self, base: Machine) -> None:
        self.machine = base.copy()
        self.commands: list[Command] = []
        self.starts: list[int] = []
        """Event index at which each command began."""
        self.events: list[Event] = []
        self.lanes: list[str] = []
        self.entries: list[Entry] = []
        self.verdicts: list[tuple[int, Verdict]] = []
        """Index at which each attack ended, and what came of it."""
        self.instructions: list[int] = []
        """Indices right after a retired instruction, ascending."""
        self._books: list[tuple[int, Books]] = [(0, base.books)]
        """(commands done, what the host knew of its guest from then on): recipes write it down, and a
        replay of their commands would not."""
        self.steps = Steps()
        self._naming = Lanes()
        self._checkpoints = Checkpoints(base.copy())
        self._forget()

    def _forget(self) -> None:
        """What was kept of earlier looks back."""
        self._roving: tuple[int, Machine] | None = None
        self._trail: dict[int, Machine] = {}
        self._deep: tuple[Depth, Machine] | None = None

    # --- growing --------------------------------------------------------------------------

    def perform(self, action: Action, script: Generator[Command, tuple[Event, ...], Verdict | None]) -> Entry:
        """Carry out an action. A ``TdxvizError`` of the script leaves what was done recorded."""
        for _ in self.performing(action, script):
            pass
        return self.entries[-1]

    def performing(
        self, action: Action, script: Generator[Command, tuple[Event, ...], Verdict | None],
        most: int = MOST_EVENTS,
    ) -> Generator[None, None, None]:  # fmt: skip
        """``perform`` in pieces of one command; closed early, it leaves what was done recorded. After
        ``most`` events the machine that the script knows goes on without being recorded."""
        began, live = (len(self.commands), len(self.events)), self.machine
        try:
            command = next(script)
            while True:
                if self.machine is live and len(self.events) - began[1] >= most:
                    self.machine = live.copy()
                if self.machine is live:
                    news = yield from self._pieces(command)
                else:
                    news = live.do(command)
                yield
                command = script.send(news)
        except StopIteration as end:
            self._close(action, began, end.value, "" if self.machine is live else UNRECORDED)
        except GeneratorExit:
            self._close(action, began, None, STOPPED)
            raise
        except TdxvizError as error:
            if len(self.commands) > began[0]:
                self._close(action, began, None, str(error))
            raise

    def give_up(self, action: Action, problem: str) -> None:
        """Record that an action has no meaning here, so that later ones keep their numbers."""
        here, now = len(self.commands), len(self.events)
        self.entries.append(Entry(action, here, here, now, now, problem=problem))

    def _close(
        self, action: Action, began: tuple[int, int], verdict: Verdict | None, problem: str = ""
    ) -> None:
        (command, event), ended = began, (len(self.commands), len(self.events))
        self._keep_books()
        if verdict is not None:
            causes = tuple(event + cause for cause in verdict.causes)
            verdict = msgspec.structs.replace(verdict, causes=causes)
            self.verdicts.append((ended[1], verdict))
        self.entries.append(Entry(action, command, ended[0], event, ended[1], verdict, problem=problem))

    def run(self, command: Command) -> tuple[Event, ...]:
        """Do one command; long guest runs are recorded as several short ones."""
        pieces = self._pieces(command)
        try:
            while True:
                next(pieces)
        except StopIteration as end:
            return end.value

    def _pieces(self, command: Command) -> Generator[None, None, tuple[Event, ...]]:
        """``run``, piece by piece: yields between two of them."""
        if not isinstance(command, RunGuest):
            return self.record(command)
        if command.steps > MOST_STEPS:
            raise TdxvizError(f"{command.steps} steps are more than the limit of {MOST_STEPS}")
        silent = LONG_CHUNK if command.stop_before else SILENT_CHUNK
        chunk = TRACED_CHUNK if command.trace else silent
        if command.steps <= chunk:
            return self.record(command)
        news: list[Event] = []
        left = command.steps
        while left > 0:
            part = min(left, chunk)
            going = command.at_once or (bool(command.stop_before) and left < command.steps)
            news += self.record(msgspec.structs.replace(command, steps=part, at_once=going))
            left -= part
            lp = self.machine.platform.lps[command.lp]
            if lp.mode == "host" or lp.cpu.rip == command.until or (news and isinstance(news[-1], RunPaused)):
                break
            yield
        return tuple(news)

    def record(self, command: Command) -> tuple[Event, ...]:
        """Do exactly this command at the end of the timeline."""
        if len(self.events) >= MOST_EVENTS:
            raise TdxvizError(f"the timeline is full: it holds {MOST_EVENTS} events")
        events = self._do(command)
        start = len(self.events)
        self.steps.add(command, self.machine.ran)
        self.commands.append(command)
        self.starts.append(start)
        self.events += events
        self.lanes += self._naming.of(command, events)
        for number, event in enumerate(events, start + 1):
            if type(event) is InstructionRetired:
                self.instructions.append(number)
        self._keep_books()
        self._checkpoints.consider(
            len(self.commands), self.machine, cost(command, len(events), self.machine.ran)
        )
        return events

    def _keep_books(self) -> None:
        """The recipe may have written something down before this command, or after its last one."""
        if self.machine.books is not self._books[-1][1]:
            self._books.append((len(self.commands), self.machine.books))

    def _do(self, command: Command) -> tuple[Event, ...]:
        """A bug of ours leaves the timeline as it was before, and names the command."""
        try:
            return self.machine.do(command)
        except Exception as error:
            self.machine = self._replayed(len(self.commands)).copy()
            error.add_note(f"while carrying out {command!r}")
            raise

    # --- looking back ---------------------------------------------------------------------

    def command_at(self, index: int) -> int:
        """How many commands are complete at this index.

        Commands without events count once an event of their action is shown.
        """
        if index >= len(self.events):
            return len(self.commands)
        done = max(bisect_right(self.starts, index) - 1, 0)
        number = bisect_right(self.entries, done, key=lambda entry: entry.end_command)
        if number < len(self.entries) and self.entries[number].first_event == index:
            return min(done, self.entries[number].first_command)
        return done

    def at(self, index: int) -> Machine:
        """The machine after ``index`` events. Read-only: it may be the live one."""
        done = self.command_at(index)
        if done == len(self.commands):
            return self.machine
        machine = self._after(done)
        rest = index - self.starts[done]
        if rest > 0:
            machine = machine.copy()
            machine.do(self.commands[done], stop_after=rest)
        return machine

    def within(self, depth: Depth) -> Machine:
        """The machine in the middle of a silent run. Read-only."""
        number, steps = depth
        if steps == 0 or steps >= self.steps.ran(number):
            return self._after(number if steps == 0 else number + 1)
        if self._deep is None or self._deep[0].command != number or self._deep[0].steps > steps:
            self._deep = Depth(number, 0), self._after(number)
        known, machine = self._deep
        if known.steps < steps:
            machine = machine.copy()
            machine.do(msgspec.structs.replace(self.commands[number], steps=steps - known.steps))
            self._deep = depth, machine
        return machine

    def index_of(self, depth: Depth) -> int:
        """Events shown at a place inside a run."""
        ended = depth.steps >= self.steps.ran(depth.command)
        return self.end_of(depth.command) if ended else self.starts[depth.command]

    def twin_after(self, commands: int) -> Machine:
        """A machine after that many commands, to try something with."""
        return self._after(commands).copy()

    def command_of_event(self, number: int) -> int:
        return bisect_right(self.starts, number) - 1

    def end_of(self, number: int) -> int:
        """Index after all events of a command."""
        return self.starts[number + 1] if number + 1 < len(self.starts) else len(self.events)

    def _after(self, commands: int) -> Machine:
        """A machine after that many commands. Read-only."""
        return self.machine if commands == len(self.commands) else self._replayed(commands)

    def _replayed(self, commands: int) -> Machine:
        """The same from the nearest copy, by replay."""
        number, machine = self._checkpoints.nearest(commands)
        if self._roving is not None and number < self._roving[0] <= commands:
            number, machine = self._roving
        passed = max((n for n in self._trail if n <= commands), default=-1)
        if passed > number:
            number, machine = passed, self._trail[passed]
        if number < commands:
            machine = machine.copy()
            for at in range(number, commands):
                machine.do(self.commands[at])
                if self.steps.is_silent(at):
                    machine.books = self._known(at + 1)
                    self._pass_by(at + 1, machine)
            machine.books = self._known(commands)
            self._roving = commands, machine
        return machine

    def _known(self, commands: int) -> Books:
        """What the host knew of its guest after that many commands."""
        return self._books[bisect_right(self._books, commands, key=lambda row: row[0]) - 1][1]

    def _pass_by(self, number: int, machine: Machine) -> None:
        """Going back inside a long run comes by here again soon."""
        while len(self._trail) >= TRAIL:
            self._trail.pop(next(iter(self._trail)))
        self._trail[number] = machine.copy()

    def verdict_at(self, index: int) -> Verdict | None:
        """Of the newest attack that is finished at this index."""
        number = bisect_right(self.verdicts, index, key=lambda row: row[0])
        return self.verdicts[number - 1][1] if number else None

    def entry_at(self, index: int) -> Entry | None:
        """The action to which the last event shown belongs."""
        number = self.actions_at(index)
        if number < len(self.entries) and self.entries[number].first_event < index:
            return self.entries[number]
        return self.entries[number - 1] if number else None

    def entry_of(self, command: int) -> Entry | None:
        """The action to which a command belongs."""
        number = bisect_right(self.entries, command, key=lambda entry: entry.end_command)
        return self.entries[number] if number < len(self.entries) else None

    def actions_at(self, index: int) -> int:
        """How many actions are complete at this index."""
        return bisect_right(self.entries, index, key=lambda entry: entry.end_event)

    # --- branching ------------------------------------------------------------------------

    def fork(self, index: int, depth: Depth | None = None) -> "Timeline":
        """A timeline with the same past up to ``index``, or up to ``depth`` inside a silent run.

        Nobody can act in the middle of an instruction or of a call: what has begun is completed
        first, so the new past may be a few events longer than ``index``.
        """
        done = self.command_at(index) if depth is None else depth.command
        twin = object.__new__(Timeline)
        twin.machine = self._after(done).copy()
        twin.commands, twin.starts = self.commands[:done], self.starts[:done]
        kept = self.starts[done] if done < len(self.starts) else len(self.events)
        twin.events, twin.lanes = self.events[:kept], self.lanes[:kept]
        twin.instructions = self.instructions[: bisect_right(self.instructions, kept)]
        twin.verdicts = self.verdicts[: bisect_right(self.verdicts, kept, key=lambda row: row[0])]
        twin.entries = [entry for entry in self.entries if entry.end_command <= done]
        twin._books = self._books[: bisect_right(self._books, done, key=lambda row: row[0])]
        twin._naming = self._naming.copy()
        twin._checkpoints = self._checkpoints.until(done)
        twin.steps = self.steps.until(done)
        twin._forget()
        if depth is not None and depth.steps:
            twin.record(msgspec.structs.replace(self.commands[done], steps=depth.steps))
        elif depth is None and kept < index:
            twin.record(self._completed(done, index - kept))
        twin._keep_half_done(self.entries)
        return twin

    def _completed(self, number: int, events: int) -> Command:
        """The shortest form of command ``number`` that makes its first ``events`` events."""
        command = self.commands[number]
        if not isinstance(command, RunGuest):
            return command
        wanted = self.events[self.starts[number] : self.starts[number] + events]
        retired = sum(type(event) is InstructionRetired for event in wanted)
        for steps in range(max(retired, 1), command.steps):
            shorter = msgspec.structs.replace(command, steps=steps)
            made = self._after(number).copy().do(shorter)
            if len(made) >= events and list(made[:events]) == wanted:
                return shorter
        return command

    def _keep_half_done(self, old: list[Entry]) -> None:
        here = len(self.entries)
        if here == len(old) or old[here].first_command >= len(self.commands):
            return
        end = len(self.commands), len(self.events)
        partial = end != (old[here].end_command, old[here].end_event)
        cut = replace(old[here], end_command=end[0], end_event=end[1], partial=partial)
        self.entries.append(replace(cut, verdict=None) if partial else cut)


def cost(command: Command, events: int, ran: int) -> int:
    """What replaying a command costs, counted in events. ``ran``: instructions of the guest."""
    if isinstance(command, RunGuest) and not command.trace:
        return events + ran // SILENT_STEPS_PER_EVENT
    return events + 1
