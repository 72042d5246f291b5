"""Carries out the cues of a demo in a studio and hands over the pictures, one by one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import msgspec
from PySide6.QtCore import QPoint, QRect, QRectF, QSize

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.outcome import Verdict
from tdxviz.core.units import World, line_of
from tdxviz.session.actions import Action
from tdxviz.session.lessons.facts import Reporter
from tdxviz.session.lessons.player import Player
from tdxviz.session.moment import Focus
from tdxviz.ui import record_paint as paint
from tdxviz.ui.encode import Shot
from tdxviz.ui.layouts import LAYOUTS
from tdxviz.ui.panel import Panel
from tdxviz.ui.record_cues import Cue, Recording
from tdxviz.ui.record_times import frame_counts, stops
from tdxviz.ui.studio import Look, Studio, settle

PARTS = ("caption", "banner")
"""Cues that need the strip below the window."""


class Projector:
    """``shots`` plays the demo from its beginning; call it once."""

    def __init__(self, made: Studio, recording: Recording, look: Look, folder: Path) -> None:
        self.studio = made
        self.bridge = made.control.bridge
        self.recording = recording
        self.look = look
        self.folder = folder
        """What file names in the demo are relative to."""
        self.caption = ""
        self.banner: Verdict | None = None
        self.spots: list[QRect] = []
        self.since = 0
        """Event index at which the last ``do`` began."""
        self.has_strip = any(cue.verb in PARTS for cue in recording.cues)

    # --- the film -------------------------------------------------------------------------

    def shots(self, fps: int) -> Iterator[Shot]:
        self._open()
        for cue, frames in zip(self.recording.cues, frame_counts(self.recording.cues, fps), strict=True):
            try:
                path = self._carry_out(cue)
            except TdxvizError as slip:
                raise self.recording.slip(cue.line, f"{cue.verb}: {slip}") from None
            if not frames:
                continue
            if path is None or path[0] >= path[1]:
                yield Shot(self.frame(), frames)
                continue
            for index, width in stops(*path, frames, cue.seconds):
                self.bridge.go_to(index)
                yield Shot(self.frame(), width)

    def frame(self) -> "paint.QImage":
        """One whole frame as it looks now."""
        theme = self.studio.window.theme
        image = paint.frame((self.look.width, self.look.height), theme)
        paint.compose(image, self.studio.picture(), self.spots, theme)
        if self.has_strip:
            paint.caption(image, self.caption, self.banner, theme)
        return image

    def _open(self) -> None:
        high = self.look.height
        if self.has_strip:
            high -= paint.strip_height(self.studio.window.theme)
        control = self.studio.control
        name = self.recording.source
        beside = self.folder / name
        control.open_path(str(beside) if beside.exists() else name)
        opened = self.bridge.player if self.recording.kind == "lesson" else self.studio.window.page == "work"
        if not opened:
            said = self.studio.window.notice.text() or f"{name} cannot be opened"
            raise self.recording.slip(2, said)
        self.studio.resize(QSize(self.look.width, high))

    # --- cues -----------------------------------------------------------------------------

    def _carry_out(self, cue: Cue) -> tuple[int, int] | None:
        """Do what the cue says; the events to walk through, if it is one that takes us there."""
        carry: Callable[[Cue], tuple[int, int] | None] = getattr(self, f"_{cue.verb}")
        return carry(cue)

    def _hold(self, cue: Cue) -> None:
        settle()

    def _chapter(self, cue: Cue) -> None:
        self.spots = []

    def _caption(self, cue: Cue) -> None:
        self.caption, self.banner = cue.what[0], None

    def _player(self) -> Player:
        if self.bridge.player is None:
            raise TdxvizError("only a lesson has steps and anchors")
        return self.bridge.player

    def _step(self, cue: Cue) -> None:
        player = self._player()
        ids = [step.id for step in player.steps]
        if cue.what[0] not in ids:
            raise TdxvizError(f"the lesson has no step {cue.what[0]!r}; {did_you_mean(cue.what[0], ids)}")
        position = ids.index(cue.what[0])
        if player.position != position:
            player.go_to(position)
            self.bridge.step_changed()
            self.studio.arrange(player.layout)

    def _do(self, cue: Cue) -> tuple[int, int]:
        self.spots, self.banner = [], None
        session = self.bridge.session
        world, self.since = session.world, session.total
        session.go_to(session.total)
        player = self.bridge.player
        if player is not None and not cue.args and cue.what[0] in [step.id for step in player.steps]:
            self._step(cue)
            player.show_me()
        else:
            session.act(Action(cue.what[0], {key: plain(value) for key, value in cue.args}))
        self.bridge.refresh()
        if session.world != world:
            self.since = 0
            return session.total, session.total
        return self.since, session.total

    def _go(self, cue: Cue) -> tuple[int, int]:
        self.spots = []
        session = self.bridge.session
        before = session.index
        wanted = session.total if cue.what[0] == "end" else int(cue.what[0])
        if wanted > session.total:
            raise TdxvizError(f"there are only {session.total} events")
        self.bridge.go_to(wanted)
        return before, wanted

    def _wait(self, cue: Cue) -> None:
        """A promise about the last ``do``: it made such an event."""
        session = self.bridge.session
        facts = Reporter(session.world).report(session.events[self.since :], self.since)
        names = sorted({fact.name for fact in facts})
        if cue.what[0] not in names:
            raise TdxvizError(
                f"no event {cue.what[0]!r} came of it; there were: {', '.join(names) or 'none'}"
            )

    def _banner(self, cue: Cue) -> None:
        self.banner = self.bridge.session.verdict
        if self.banner is None:
            raise TdxvizError("no attack has been judged yet; play one with 'do attack id=...'")

    def _layout(self, cue: Cue) -> None:
        if cue.what[0] not in LAYOUTS:
            raise TdxvizError(f"there is no layout {cue.what[0]!r}; {did_you_mean(cue.what[0], LAYOUTS)}")
        self.spots = []
        self.studio.arrange(cue.what[0])

    def _world(self, cue: Cue) -> None:
        self.spots, self.banner, self.since = [], None, 0
        self.bridge.switch_world(cast(World, cue.what[0]))

    # --- spotlight ------------------------------------------------------------------------

    def _spotlight(self, cue: Cue) -> None:
        kind, name = (*cue.what, "")[:2]
        self.spots = []
        if kind == "panel":
            self.spots = [self._panel_rect(name)]
        elif kind == "anchor":
            self.spots = self._anchor_rects(name)

    def _panel_rect(self, name: str) -> QRect:
        shown = {p.name: p for p in self.studio.window.workspace.visible_panels() if p.isVisible()}
        if name not in shown:
            raise TdxvizError(f"the panel {name!r} is not on screen; {did_you_mean(name, shown)}")
        panel = shown[name]
        return QRect(panel.mapTo(self.studio.window, QPoint(0, 0)), panel.size())

    def _anchor_rects(self, name: str) -> list[QRect]:
        """Everywhere on screen where the anchor's place is drawn."""
        known = self._player().evidence.places
        if name not in known:
            raise TdxvizError(f"the lesson has no anchor {name!r}; {did_you_mean(name, known)}")
        first, size = known[name]
        self.bridge.select(Focus(hpa=first))
        self.studio.picture()  # painting makes the hit areas
        panels = [p for p in self.studio.window.workspace.visible_panels() if p.isVisible()]
        found = [rect for panel in panels for rect in self._rects(panel, range(line_of(first), first + size))]
        if not found:
            raise TdxvizError(f"nothing on screen shows the anchor {name!r}; choose another layout")
        return found

    def _rects(self, panel: Panel, wanted: range) -> list[QRect]:
        origin = panel.mapTo(self.studio.window, QPoint(0, 0))
        targets = [(QRectF(hit[0]), hit[1]) for hit in panel.hits]
        return [
            rect.toAlignedRect().translated(origin)
            for rect, target in targets
            if isinstance(target, Focus) and target.hpa is not None and target.hpa in wanted
        ]


def plain(value: str) -> object:
    """A value of ``do``: a number, true or false, a JSON text, or else the word itself."""
    try:
        return int(value, 0)
    except ValueError:
        pass
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
