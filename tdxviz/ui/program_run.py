"""A program of the editor runs in a machine of its own, in slices, so that the window stays alive."""

from collections.abc import Generator
from time import perf_counter
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

BUDGET = 0.012
"""Seconds of a slice; the timer leaves the window as much again."""
LIMIT = 5_000_000
STEPS = 4_000
"""Instructions of one command."""


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
        self._script: Generator[Any, Any, Any] | None = None
        self._events: tuple[Any, ...] | None = None
        self._shown = 0

    @property
    def running(self) -> bool:
        return self._script is not None

    def start(self, text: str, world: str, seed: int = 7) -> None:
        """Build a guest around the assembled text and let it run."""
        from tdxviz.core.faults import TdxvizError
        from tdxviz.core.guest.load.open import source
        from tdxviz.core.host import guest_run, guests
        from tdxviz.core.host.vmm import Vmm
        from tdxviz.core.machine import Machine

        self.stop()
        try:
            pages = guests.plan(source(text, "program"))
        except TdxvizError as slip:
            self.failed.emit(str(slip))
            return
        machine: Any = Machine(world, seed)  # type: ignore[arg-type]  # because worlds come as text
        self.machine, self.vmm, self._shown = machine, Vmm(), 0

        def script() -> Generator[Any, Any, Any]:
            yield from guest_run.start(machine, pages)
            demand = guests.Demand(pages)
            return (yield from guest_run.serve(machine, LIMIT, vmm=self.vmm, demand=demand, most=STEPS))

        self._script, self._events = script(), None
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        self._script = None

    def _slice(self) -> None:
        from tdxviz.core.faults import TdxvizError

        until = perf_counter() + BUDGET
        try:
            while self._script is not None and perf_counter() < until:
                command = next(self._script) if self._events is None else self._script.send(self._events)
                self._events = self.machine.do(command)
        except StopIteration as end:
            self.stop()
            self._tell()
            self.ended.emit(end.value)
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
