"""Space: the guest runs in slices on a timer, so that the window stays alive."""

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from tdxviz.ui.bridge import Bridge

SLICE_MS = 30
STEPS = 12
MOST_EVENTS = 150_000
"""A traced run stops here by itself: nothing grows without bound."""


class Runner(QObject):
    """Appends short runs of the guest while it is on."""

    changed = Signal()

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.bridge = bridge
        self._timer = QTimer(self)
        self._timer.setInterval(SLICE_MS)
        self._timer.timeout.connect(self._slice)

    @property
    def running(self) -> bool:
        return self._timer.isActive()

    def toggle(self) -> None:
        if self.running:
            self.stop()
        else:
            self._timer.start()
            self.changed.emit()

    def stop(self) -> None:
        if self.running:
            self._timer.stop()
            self.changed.emit()

    def _slice(self) -> None:
        from tdxviz.session.actions import Action

        session: Any = self.bridge.session
        if session.in_the_past:  # first play what is recorded
            self.bridge.step("instruction", 1)
            return
        if session.total >= MOST_EVENTS:
            self.stop()
            self.bridge.slipped.emit("The recording is long enough; go on with a new session.")
            return
        news = self.bridge.act(Action("resume", {"steps": STEPS}))
        if not news or not any(type(event).__name__ == "InstructionRetired" for event in news):
            self.stop()
