"""A long action of the session, carried out in slices on a timer, so that the window stays alive."""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from tdxviz.core.faults import TdxvizError

if TYPE_CHECKING:
    from tdxviz.session.actions import Action

BUDGET = 0.03
"""Seconds of a slice; a single command may take a little longer."""
PAUSE_MS = 8
"""Milliseconds between two slices in which the window answers."""
SHOWN_EVERY = 0.3
"""Seconds between two pictures of the machine while it runs."""
PICTURES = 5
"""Painting takes at most one part in so many of the time."""


class Task(QObject):
    """``changed`` comes when it starts, while it goes on and when it ends."""

    changed = Signal()
    ended = Signal(object)
    """The action that has come to its end by itself, before the views are told."""

    def __init__(self, bridge: Any) -> None:
        super().__init__()
        self.bridge = bridge
        self.action: Action | None = None
        """What is being carried out; None while nothing is."""
        self.wanted = 0
        """How many commands it will take, if that is known."""
        self.seconds = 0.0
        """Time spent on it so far."""
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._slice)
        self._script: Generator[None, None, None] | None = None
        self._waiting: list[tuple[Action, int]] = []
        self._began = 0
        self._live = True
        self._due = 0.0

    @property
    def running(self) -> bool:
        return self._script is not None

    @property
    def done(self) -> int:
        """Commands of the present action so far."""
        return len(self.bridge.session.timeline.commands) - self._began

    def start(self, *actions: tuple[Action, int]) -> None:
        """Carry the actions out one after the other; the number is how many commands one will take, or 0."""
        if self.running or not actions:
            return
        self._waiting, self.seconds = list(actions), 0.0
        self._next()
        self._timer.start()
        self.changed.emit()

    def then(self, action: Action) -> None:
        """Go on with this one; only while ``ended`` is being told."""
        self._waiting.insert(0, (action, 0))

    def stop(self) -> None:
        """End it here; what was done stays recorded."""
        script, self._script = self._script, None
        self._end()
        if script is not None:
            script.close()
            self.bridge.refresh()
            self.changed.emit()

    def _next(self) -> None:
        session = self.bridge.session
        self.action, self.wanted = self._waiting.pop(0)
        self._began, self._live = len(session.timeline.commands), session.index == session.total
        try:
            self._script = session.acting(self.action)
        except TdxvizError as slip:
            self._failed(slip)

    def _end(self) -> None:
        self._timer.stop()
        self._waiting, self._script, self.action = [], None, None

    def _slice(self) -> None:
        begun = perf_counter()
        script = self._script
        assert script is not None
        try:
            while perf_counter() < begun + BUDGET:
                next(script)
        except StopIteration:
            self.ended.emit(self.action)
            if self._waiting:
                self._next()
            else:
                self._finished()
            return
        except TdxvizError as slip:
            self._failed(slip)
            return
        except BaseException:
            self._end()  # a bug of ours: it rises, and nothing goes on behind it
            raise
        self.seconds += perf_counter() - begun
        self._show()

    def _show(self) -> None:
        """The views follow now and then, if they stood at the end when it began."""
        now = perf_counter()
        if now < self._due:
            return
        if self._live:
            self.bridge.session.follow()
            self.bridge.refresh()
        self.changed.emit()
        self._due = perf_counter() + max(SHOWN_EVERY, PICTURES * (perf_counter() - now))

    def _finished(self) -> None:
        self._end()
        self.bridge.refresh()
        self.changed.emit()

    def _failed(self, slip: TdxvizError) -> None:
        self._end()
        self.bridge.slipped.emit(str(slip))
        self.bridge.refresh()
        self.changed.emit()
