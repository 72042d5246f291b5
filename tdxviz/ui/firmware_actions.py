"""The window's actions about firmware: choose an image, build a TD from it, go on to a TDCALL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog

from tdxviz.core.faults import TdxvizError

FILTER = "TD firmware (*.fd *.bin *.rom);;All files (*)"
STEPS = 10_000_000
"""Instructions of one action; a longer run is several of them."""


class FirmwareActions:
    """Made by ``control``, which knows window, bridge and sessions."""

    def __init__(self, control: Any) -> None:
        self.control = control
        self._limit = 0
        """How many instructions will have run when the present action gives up."""
        control.bridge.task.ended.connect(self._stopped)
        control.bridge.action_wanted.connect(control.window.do)

    def actions(self) -> dict[str, Callable[..., Any]]:
        return {"firmware": self.choose, "firmware_next": self.next}

    def choose(self) -> None:
        """Ask for an image; the installed one is proposed."""
        from tdxviz.session.deeds_firmware import PACKAGE, usual

        proposed = usual()
        if not proposed:
            self.control.window.tell(f"No firmware with TDX metadata is installed. {PACKAGE}.", bad=False)
        name, _ = QFileDialog.getOpenFileName(
            self.control.window,
            "Boot firmware",
            proposed,
            FILTER,
            options=QFileDialog.Option.DontUseNativeDialog,
        )
        if name:
            self.boot(name)

    def boot(self, name: str) -> None:
        """A new session in which a TD is built from the image and runs to its first TDCALL."""
        from tdxviz.core.host import tdvf
        from tdxviz.session import deeds_firmware as deeds
        from tdxviz.session.actions import Action

        control = self.control
        try:
            raw = deeds.read(name)
            image = tdvf.parse(raw, Path(name).name)
        except TdxvizError as slip:
            control.window.tell(str(slip))
            return
        world = "li" if control.bridge.session.world == "li" else "ci"
        control.sandbox("firmware", world=world, scenario="empty")
        built = Action("firmware.build", {"file": name, "sha256": deeds.sha256(raw)})
        self._limit = STEPS
        control.bridge.begin((built, deeds.commands(image)), (Action("firmware.next", {"steps": STEPS}), 0))

    def next(self, until: str = "") -> None:
        """On to the next TDCALL, or to what ``until`` says."""
        from tdxviz.session.actions import Action

        bridge = self.control.bridge
        self._limit = bridge.moment.machine.platform.lps[0].retired + STEPS
        bridge.begin((Action("firmware.next", {"until": until, "steps": STEPS}), 0))

    def _stopped(self, action: Any) -> None:
        """A run that has used up its instructions goes on. Every view turns to the page accepted last."""
        if action.name != "firmware.next":
            return
        from tdxviz.ui.present.firmware import last_focus
        from tdxviz.ui.present.questions import Questions

        session = self.control.bridge.session
        if session.machine.platform.lps[0].retired >= self._limit:
            self._limit += STEPS
            self.control.bridge.task.then(type(action)(action.name, action.args | {"at_once": True}))
        news = session.events[session.entries[-1].first_event :]
        session.focus = last_focus(Questions(session.machine), news) or session.focus
