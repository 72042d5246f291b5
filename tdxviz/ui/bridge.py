"""The one object between the session and everything drawn. One signal: ``moment_changed``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tdxviz.core.faults import TdxvizError
from tdxviz.ui.task import Task

if TYPE_CHECKING:
    from tdxviz.core.events import Event
    from tdxviz.core.machine import Machine
    from tdxviz.core.units import World
    from tdxviz.session.actions import Action
    from tdxviz.session.inside import Depth
    from tdxviz.session.lessons.player import Player
    from tdxviz.session.moment import Focus, Moment
    from tdxviz.session.session import Session, Unit
    from tdxviz.session.timeline import Timeline
    from tdxviz.ui.present.questions import Questions

MOST_PINS = 3
BUSY = "Something is running; wait for its end, or stop it with Escape."
MOST_ASKED = 4
"""Instants whose answers are kept."""


class Bridge(QObject):
    """Holds the session. Slips of the learner become ``slipped(text)``, never an exception."""

    moment_changed = Signal(object)
    slipped = Signal(str)
    view_wanted = Signal(str)
    action_wanted = Signal(str)
    """A row of the window's table of actions."""
    world_changed = Signal(str)
    step_begun = Signal()
    lesson_finished = Signal()
    layout_wanted = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.guard: Callable[[Action], str] | None = None
        """Says why an action is not allowed now (a lesson's step); empty text allows it."""
        self.player: Player | None = None
        """The lesson being played; None in free play."""
        self.task = Task(self)
        """A long action that is being carried out while the window lives."""
        self._moment: Moment | None = None
        self._asked: dict[tuple[int, int, int, Depth | None], tuple[Timeline, Questions]] = {}

    @property
    def moment(self) -> Moment:
        """What is painted now. The first one brings a whole machine up: only when it is wanted."""
        if self._moment is None:
            self._moment = self.session.moment
        return self._moment

    def questions(self, moment: Moment) -> Questions:
        """What was asked of this instant's machine already; all panels share the answers."""
        return self._questions(moment.index, moment.depth, lambda: moment.machine)

    def questions_at(self, index: int) -> Questions:
        """The same for another instant of this timeline."""
        return self._questions(index, None, lambda: self.session.timeline.at(index))

    def questions_inside(self, depth: Depth) -> Questions:
        """The same in the middle of a silent run."""
        index = self.session.timeline.index_of(depth)
        return self._questions(index, depth, lambda: self.session.timeline.within(depth))

    def _questions(self, index: int, depth: Depth | None, machine: Callable[[], Machine]) -> Questions:
        """The newest few instants are kept: a step compares with the one before. The number of
        commands belongs to the instant, because a command may change things without an event."""
        from tdxviz.ui.present.questions import Questions

        timeline = self.session.timeline
        instant = (id(timeline), index, timeline.command_at(index), depth)
        known = self._asked.get(instant)
        if known is None or (known[1].machine is timeline.machine and index < len(timeline.events)):
            while len(self._asked) >= MOST_ASKED:
                self._asked.pop(next(iter(self._asked)))
            self._asked[instant] = timeline, Questions(machine())
        return self._asked[instant][1]

    def open_lesson(self, player: Player | None) -> None:
        """Play a lesson (or none) on its own session from now on."""
        self.task.stop()
        if self.player is not None:
            self.player.close()
        self.player = player
        self.guard = player.refusal if player else None
        if player is not None:
            self.session = player.session
        self.step_changed()

    def step_changed(self) -> None:
        """The lesson moved on: point at what the step is about."""
        player = self.player
        if player is not None and player.step.focus and player.step.focus.select:
            place = player.evidence.places.get(player.step.focus.select)
            if place is not None:
                self.session.focus = type(self.session.focus)(hpa=place[0])
        self.refresh()
        self.step_begun.emit()

    def lesson_done(self) -> None:
        self.lesson_finished.emit()

    def set_session(self, session: Session) -> None:
        self.task.stop()
        self.session = session
        self.refresh()

    def visit(self, session: Session) -> bool:
        """Open another recording in all panels, and the layout for looking at a vCPU. False, with the
        reason told, while a lesson is played on this one."""
        if self.player is not None:
            self.slipped.emit("A lesson is being played here. Leave it first; the run is kept until then.")
            return False
        if session is not self.session:
            self.session.close()
        self.set_session(session)
        self.step("instruction", -1)
        self.view_wanted.emit("vcpu")
        return True

    def refresh(self) -> None:
        """Take the session's present moment and tell everybody."""
        self._moment = self.session.moment
        self.moment_changed.emit(self._moment)

    @contextlib.contextmanager
    def _slips(self) -> Iterator[None]:
        try:
            yield
        except TdxvizError as slip:
            self.slipped.emit(str(slip))
        finally:
            self.refresh()

    def refused(self, action: Action) -> bool:
        """Whether the action is not allowed now; the reason is told."""
        reason = BUSY if self.task.running else self.guard(action) if self.guard else ""
        if reason:
            self.slipped.emit(reason)
        return bool(reason)

    def begin(self, *actions: tuple[Action, int]) -> None:
        """``act`` for long actions, in slices; see ``Task.start``."""
        if actions and not self.refused(actions[0][0]):
            self.task.start(*actions)

    def act(self, action: Action) -> tuple[Event, ...]:
        """Carry an action out; the events of what was done."""
        if self.refused(action):
            return ()
        with self._slips():
            return self.session.act(action)
        return ()

    def go_to(self, index: int) -> None:
        self.session.go_to(index)
        self.refresh()

    def go_to_instruction(self, number: int) -> None:
        """After that many instructions of this recording, told or not."""
        self.session.go_to_instruction(number)
        self.refresh()

    def step(self, unit: Unit, n: int) -> None:
        self.session.step(unit, n)
        self.refresh()

    def select(self, focus: Focus) -> None:
        """The user chose a place; a lesson may have asked for it."""
        self.session.focus = focus
        if self.player is not None and focus.hpa is not None:
            self.player.choose(focus.hpa)
        self.refresh()

    def hover(self, focus: Focus | None) -> None:
        self.session.hover = focus
        self.refresh()

    def pin(self, focus: Focus) -> None:
        """Ctrl+click: keep up to three places marked; a second time takes the mark away."""
        pins = [pin for pin in self.session.pins if pin != focus]
        if len(pins) == len(self.session.pins):
            pins.append(focus)
        self.session.pins = tuple(pins[-MOST_PINS:])
        self.refresh()

    def switch_world(self, world: World) -> None:
        if self.task.running:
            self.slipped.emit(BUSY)
            world = self.session.world
        with self._slips():
            self.session.switch_world(world)
        self.world_changed.emit(world)

    def set_compare(self, world: World | None) -> None:
        if self.task.running:
            self.slipped.emit(BUSY)
            return
        with self._slips():
            self.session.set_compare(world)

    def contrast(self, attack: str) -> None:
        """This attack in both worlds, verdict beside verdict: played here if it was not yet, then in
        the unprotected VM (or, from there, in a TD)."""
        from tdxviz.session.actions import Action

        def ends() -> list[int]:
            entries = self.session.entries
            return [e.end_event for e in entries if e.verdict is not None and e.verdict.attack == attack]

        if not ends():
            self.act(Action("attack", {"id": attack}))
        if not ends():  # refused, and said so
            return
        self.session.go_to(ends()[-1])
        self.set_compare("ci" if self.session.world == "legacy" else "legacy")
        self.layout_wanted.emit("compare")

    def bookmark(self, name: str) -> None:
        self.session.bookmark(name)
        self.refresh()

    def open_view(self, name: str) -> None:
        self.view_wanted.emit(name)
