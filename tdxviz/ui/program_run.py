"""A program of the editor runs in a machine of its own, in slices, so that the window stays alive."""

from collections.abc import Generator
from time import perf_counter
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

BUDGET = 0.012
"""Seconds of a slice; the timer leaves the window as much again."""
LIMIT = 5_000_000
MOST_EVENTS = 100_000
"""About 100 MB: what a program tells beyond is carried out and not recorded."""


class ProgramRun(QObject):
    """``told(text)`` brings new console text, ``ended(outcome)`` the end; ``failed(text)`` a slip."""

    told = Signal(str)
    ended = Signal(object)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.setInterval(int(BUDGET * 2000))
        self._timer.timeout.connect(self._slice)
        self._playing: Generator[None, None, None] | None = None
        self._shown = 0
        self.session: Any = None
        """The recording of the newest run, for looking inside; None before the first."""
        self.outcome: Any = None

    @property
    def running(self) -> bool:
        return self._playing is not None

    def start(
        self, what: str | dict[str, str], world: str, conduct: dict[str, str] | None = None, seed: int = 7
    ) -> None:
        """Build a guest in a session of its own, and let it run on a host of that conduct. ``what``: source,
        or arguments of the action ``program`` that name a binary."""
        from tdxviz.core.faults import TdxvizError
        from tdxviz.core.host.conduct import host
        from tdxviz.session.actions import Action
        from tdxviz.session.deeds import Program
        from tdxviz.session.deeds_guest import run_program
        from tdxviz.session.session import Session

        self.stop()
        session = Session(world, seed, "empty")  # type: ignore[arg-type]  # because worlds come as text
        conduct = conduct or {}
        self.vmm, self._shown, self.outcome = host(conduct), 0, None
        given = {"source": what} if isinstance(what, str) else what
        wanted = Program(**given, limit=LIMIT, conduct=conduct)
        told = given | {"limit": LIMIT} | ({"conduct": conduct} if conduct else {})

        def script(machine: Any) -> Generator[Any, Any, None]:
            self.outcome = yield from run_program(machine, wanted, self.vmm)

        self._playing = session.playing(Action("program", told), script, MOST_EVENTS)
        try:
            next(self._playing)
        except TdxvizError as slip:
            self._playing = None
            self.failed.emit(str(slip))
            return
        self.session = session
        self._timer.start()

    @property
    def machine(self) -> Any:
        """As it is now, or after the newest run."""
        return self.session.timeline.machine

    def stop(self) -> None:
        """What was done stays in the session."""
        self._timer.stop()
        if self._playing is not None:
            self._playing.close()
        self._playing = None

    def _slice(self) -> None:
        from tdxviz.core.faults import TdxvizError

        until = perf_counter() + BUDGET
        try:
            while self._playing is not None and perf_counter() < until:
                next(self._playing)
        except StopIteration:
            self.stop()
            self._tell()
            self.ended.emit(self.outcome)
        except TdxvizError as slip:
            self.stop()
            self.failed.emit(str(slip))
        else:
            self._tell()

    def _tell(self) -> None:
        """Hand on what the console got since the last time."""
        new = bytes(self.vmm.console[self._shown :])
        if new:
            self._shown += len(new)
            self.told.emit(new.decode("utf-8", "replace"))
