"""Session: the script, its timeline, branches, bookmarks and the file that grows with it."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Literal, cast

from tdxviz.core.commands import AnyCommand
from tdxviz.core.events import Event
from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.outcome import Verdict
from tdxviz.core.units import World
from tdxviz.session import inside, lanes, setup
from tdxviz.session import journal as j
from tdxviz.session.actions import Action, Script, arguments, deed, expand
from tdxviz.session.branch import Bookmark, Branch
from tdxviz.session.inside import Depth, Spot
from tdxviz.session.moment import Focus, Moment
from tdxviz.session.reopen import play_lines
from tdxviz.session.timeline import MOST_EVENTS, Entry, Timeline

Unit = Literal["event", "instruction", "action"]
Listener = Callable[[Entry, Timeline], None]


class Session:
    """``path``: file to which the script is appended as it grows; None keeps it in memory.

    ``index`` is the number of events shown, counted from the end of the setup. After ``act`` the
    session stands at the end; ``act`` in the past starts a branch and keeps the old one.
    """

    def __init__(
        self,
        world: World = "ci",
        seed: int = 7,
        scenario: str = "vault",
        path: str | Path | None = None,
    ) -> None:
        self.world: World = setup.check(world, seed, scenario)
        self.seed = seed
        self.scenario = scenario
        self.index = 0
        self.depth: Depth | None = None
        """Where in a silent run the session stands; None: after ``index`` events, between commands."""
        self.bookmarks: list[Bookmark] = []
        self.branches: list[Branch] = [Branch("main", seed, scenario)]
        self.branch = 0
        """Number of the current branch in ``branches``."""
        self.journal = j.Journal(j.Header(world=self.world, seed=seed, scenario=scenario), path)
        self.notices: list[str] = []
        """What the learner should be told: a dropped line, another version's commands."""
        self.focus = Focus()
        self.hover: Focus | None = None
        self.pins: tuple[Focus, ...] = ()
        self.compare_world: World | None = None
        self.listeners: list[Listener] = []
        """Called after every action with its entry and the timeline that holds it."""
        self._news: tuple[Event, ...] = ()
        self._left: dict[World, tuple[int, int, Spot]] = {}
        self._arrived: tuple[int, Spot, int, bool] | None = None
        """After a switch of worlds: branch, where, after how many actions, and whether at their end."""

    # --- what there is --------------------------------------------------------------------

    @property
    def timeline(self) -> Timeline:
        return self.branches[self.branch].timeline(self.world)

    @property
    def events(self) -> list[Event]:
        """Of the current branch and world. Read-only."""
        return self.timeline.events

    @property
    def entries(self) -> list[Entry]:
        """The actions of the current branch as they went. Read-only."""
        return self.timeline.entries

    @property
    def actions(self) -> list[Action]:
        return self.branches[self.branch].actions

    @property
    def total(self) -> int:
        return len(self.timeline.events)

    @property
    def machine(self) -> Machine:
        """The machine at ``index``. Read-only."""
        return self.timeline.at(self.index) if self.depth is None else self.timeline.within(self.depth)

    @property
    def here(self) -> Spot:
        """Where the session stands."""
        return Spot(self.index, self.depth)

    @property
    def in_the_past(self) -> bool:
        return self.index < self.total or self.depth is not None

    @property
    def notice(self) -> str:
        """The newest thing the learner should be told; empty if there is none."""
        return self.journal.problem or (self.notices[-1] if self.notices else "")

    def lane(self, event: int | Event) -> str:
        """The lane of an event, by number (exact) or by itself."""
        if isinstance(event, int):
            return self.timeline.lanes[event]
        return lanes.lane(event) or "host"

    @property
    def verdict(self) -> Verdict | None:
        """Of the newest attack that is finished at ``index``."""
        return self.timeline.verdict_at(self.index)

    @property
    def moment(self) -> Moment:
        timeline, index, depth = self.timeline, self.index, self.depth
        entry = timeline.entry_at(index) if depth is None else timeline.entry_of(depth.command)
        return Moment(
            machine=self.machine,
            index=index,
            total=len(timeline.events),
            news=self._news,
            event=timeline.events[index - 1] if index else None,
            entry=entry,
            chapter=entry.title if entry else "",
            verdict=self.verdict,
            focus=self.focus,
            hover=self.hover,
            pins=self.pins,
            compare=self._compared(),
            depth=depth,
            instruction=inside.number_at(timeline, self.here),
            instructions=timeline.steps.total,
        )

    @property
    def in_silence_at_start(self) -> bool:
        """Whether the recording begins with a run that told nothing: index 0 lies behind it."""
        return inside.numbered(self.timeline, 0).depth is not None

    # --- acting ---------------------------------------------------------------------------

    def act(self, action: Action) -> tuple[Event, ...]:
        """Carry the action out at the present index; returns its events.

        Raises:
            TdxvizError: no such action, wrong arguments, or it has no meaning now. What was done
                before the error stays recorded.
        """
        arguments(action)
        return self.play(action, lambda machine: expand(machine, action))

    def play(self, action: Action, script: Callable[[Machine], Script]) -> tuple[Event, ...]:
        """``act`` with another script than the action's own: a recording of it."""
        for _ in self.playing(action, script):
            pass
        return self._news

    def acting(self, action: Action) -> Generator[None, None, None]:
        """``act`` in pieces, for long actions. Closed early, what was done stays recorded. Nothing else may
        act in between."""
        arguments(action)
        return self.playing(action, lambda machine: expand(machine, action))

    def playing(
        self, action: Action, script: Callable[[Machine], Script], most: int = MOST_EVENTS
    ) -> Generator[None, None, None]:
        """``play`` in pieces of one command; whoever closes it early keeps what was done. ``most``: events
        that are recorded of it."""
        branch, timeline = self._writable()
        if len(timeline.commands) >= j.MOST_COMMANDS:
            raise TdxvizError(f"the script is full: it has {j.MOST_COMMANDS} commands")
        known = len(timeline.entries)
        try:
            yield from timeline.performing(action, script(timeline.machine), most)
        finally:
            if len(timeline.entries) > known:
                self._adopt(branch, timeline)

    def _writable(self) -> tuple[Branch, Timeline]:
        """The current branch, or a new one (not yet listed) when standing in the past."""
        branch = self.branches[self.branch]
        if self.in_the_past:
            name = f"branch {len(self.branches)}"
            branch = branch.fork(name, self.branch, self.world, self.index, self.depth)
        return branch, branch.timeline(self.world)

    def _adopt(self, branch: Branch, timeline: Timeline) -> None:
        """The action went into the timeline: list its branch, and write it down."""
        self._arrived = None
        if branch is not self.branches[self.branch]:
            self.branches.append(branch)
            self.branch = len(self.branches) - 1
            self.journal.add(j.fork(branch.name, Spot(branch.fork_index, branch.fork_depth)))
        entry = timeline.entries[-1]
        branch.actions.append(entry.action)
        commands = None
        named = deed(entry.action.name).by_reference and entry.action.args.get("file")
        if entry.problem or not named:
            recorded = timeline.commands[entry.first_command : entry.end_command]
            commands = cast(list[AnyCommand], recorded)
        line = j.ActionLine(entry.action.name, entry.action.args, commands)
        self.journal.add(line)
        self.index, self.depth = self.total, None
        self._news = tuple(timeline.events[entry.first_event :])
        for listener in self.listeners:
            listener(entry, timeline)

    # --- moving in time -------------------------------------------------------------------

    def go_to(self, index: int) -> Moment:
        """Any index; beyond the ends means the end."""
        self._move(index, ())
        return self.moment

    def step(self, unit: Unit = "event", n: int = 1) -> Moment:
        """``n`` units forward, or back if negative; stops at the ends."""
        before = self.index
        if unit == "instruction":
            after = inside.stepped(self.timeline, self.here, n)
        else:
            after = Spot(self._index_after(unit, n))
        self._move(after.index, tuple(self.events[before : max(after.index, before)]), after.depth)
        return self.moment

    def go_inside(self, depth: Depth) -> Moment:
        """Into the middle of a silent run. Raises TdxvizError if there is no such place."""
        there = inside.spot(self.timeline, depth)
        self._move(there.index, (), there.depth)
        return self.moment

    def go_to_instruction(self, number: int) -> Moment:
        """After that many instructions of all runs of this recording; beyond the ends means the end."""
        there = inside.numbered(self.timeline, number)
        self._move(there.index, (), there.depth)
        return self.moment

    def follow(self) -> None:
        """Stand at the end of what an action that is still being carried out has done so far."""
        self._move(self.total, ())

    def _index_after(self, unit: Unit, n: int) -> int:
        if unit == "event":
            return self.index + n
        if unit == "action":
            marks = [entry.end_event for entry in self.entries]
        else:
            raise TdxvizError(f"there is no step {unit!r}; known: event, instruction, action")
        if n >= 0:
            at = bisect_right(marks, self.index) + n - 1
            return marks[at] if at < len(marks) else self.total
        at = bisect_left(marks, self.index) + n
        return marks[at] if at >= 0 else 0

    def _move(self, index: int, news: tuple[Event, ...], depth: Depth | None = None) -> None:
        self.index, self.depth = min(max(index, 0), self.total), depth
        self._news = news

    # --- branches, bookmarks, worlds ------------------------------------------------------

    def switch_branch(self, number: int) -> Moment:
        """To the end of another branch."""
        if not 0 <= number < len(self.branches):
            raise TdxvizError(f"there is no branch {number}; it has 0..{len(self.branches) - 1}")
        if number != self.branch:
            self.branch = number
            self.journal.add(j.BranchLine(branch=number))
        return self.go_to(self.total)

    def bookmark(self, name: str) -> Bookmark:
        """Remember the present index under a name."""
        mark = Bookmark(name, self.branch, self.world, self.index)
        self.bookmarks.append(mark)
        self.journal.add(j.BookmarkLine(bookmark=name, at=self.index))
        return mark

    def switch_world(self, world: World) -> Moment:
        """The same actions in another world, standing after the same number of actions."""
        setup.check(world, self.seed, self.scenario)
        if world == self.world:
            return self.moment
        actions, at_end = self._standing()
        self._left[self.world] = self.branch, actions, self.here
        self.world = world
        self.journal.add(j.WorldLine(world=world))
        there = self._landing(actions, at_end)
        self._move(there.index, (), there.depth)
        self._arrived = self.branch, self.here, actions, at_end
        return self.moment

    def _standing(self) -> tuple[int, bool]:
        """After how many actions the session stands, and whether at the end. An action that told nothing here
        leaves open which side of it is meant; whoever came from another world stands as there."""
        if self._arrived is not None and self._arrived[:2] == (self.branch, self.here):
            return self._arrived[2:]
        return self.timeline.actions_at(self.index), not self.in_the_past

    def _landing(self, actions: int, at_end: bool) -> Spot:
        """Where to stand in the world just entered: as it was left, if nothing happened since."""
        branch, then, left = self._left.get(self.world, (-1, -1, Spot(0)))
        if branch == self.branch and then == actions:
            return left
        return Spot(self.total if at_end else end_of_action(self.timeline, actions))

    def set_compare(self, world: World | None) -> Moment:
        """Show the machine of another world beside this one in every moment."""
        self.compare_world = world
        return self.moment

    def _compared(self) -> Machine | None:
        if self.compare_world is None or self.compare_world == self.world:
            return None
        other = self.branches[self.branch].timeline(self.compare_world)
        if self.index == self.total:
            return other.machine
        return other.at(end_of_action(other, self.timeline.actions_at(self.index)))

    def compare_with(self, world: World) -> "Session":
        """A second session that played the same actions up to here in another world; not saved."""
        twin = Session(world, self.seed, self.scenario)
        at_end = self.index == self.total
        done = len(self.actions) if at_end else self.timeline.actions_at(self.index)
        twin.branches[0].actions = self.actions[:done]
        twin.go_to(twin.total)
        return twin

    # --- files ----------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the whole script with all branches. Raises TdxvizError if that fails."""
        place = j.place(self.here) if self.in_the_past else b""
        j.write_file(path, self.journal.text() + place)

    @classmethod
    def open(cls, path: str | Path, autosave: str | Path | None = None, go_on: bool = False) -> "Session":
        """Play a saved script again. The file itself is not written to unless ``go_on``.

        Raises:
            TdxvizError: ``file:line: what is wrong``.
        """
        header, lines, notice = j.parse(j.read(path), Path(path).name)
        session = cls(header.world, header.seed, header.scenario)
        for _ in play_lines(session, lines, Path(path).name):
            pass
        if notice:
            session.notices.append(notice)
        if go_on:
            session.journal.go_on_in(Path(path))
        elif autosave is not None:
            session.journal.path = Path(autosave)
        return session

    def close(self) -> None:
        self.journal.close()


def end_of_action(timeline: Timeline, actions: int) -> int:
    """The index after that many actions."""
    if actions <= 0 or not timeline.entries:
        return 0
    return timeline.entries[min(actions, len(timeline.entries)) - 1].end_event
