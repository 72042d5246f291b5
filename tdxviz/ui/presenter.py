"""Presenter mode: one panel on stage, the verdict as a lower third, captions; driven by a remote.

Its panels are its own, at a larger scale, so the docks stay as they were. Source: screen design 5.10.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tdxviz.ui.panel import Panel
from tdxviz.ui.panels import BY_NAME
from tdxviz.ui.present import presenter as present
from tdxviz.ui.presenter_parts import Overlay, PollSlide, SpeakerWindow, Thumb, Watcher
from tdxviz.ui.theme import THEMES, Theme, style_sheet

LEAST, MOST = 1.5, 2.0
"""Scale of everything on this page; between them as the window allows."""
ROOM_FOR_THUMBS = 760
"""From this width at 100 % there are small pictures; the keys 1 to 6 are always there."""
THUMBS_MS = 150
"""After the last step, before the small pictures follow."""
KEYS = (
    ("PgDown", "onward"), ("PgUp", "backward"), (".", "darken"), ("Q", "ask"), ("N", "speak"),
    ("W", "restyle"),
)  # fmt: skip


class Presenter(QWidget):
    """``travel``: the window's steps by name; ``player`` comes from the bridge."""

    def __init__(self, bridge: Any, theme: Theme, travel: dict[str, Callable[[], Any]]) -> None:
        super().__init__()
        self.bridge, self._user_theme, self._travel = bridge, theme, travel
        self.setAccessibleName("Presenter")
        self.names: tuple[str, ...] = ()
        self.panels: dict[str, Panel] = {}
        self.poll: PollSlide | None = None
        self.speaker: SpeakerWindow | None = None
        self._began, self._compared = monotonic(), False
        self.theme = theme
        self.stage = QStackedWidget()
        self.stage.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.heading, self.words = QLabel(), QLabel()
        self.words.setWordWrap(True)
        self.heading.setProperty("role", "phase")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.foot, self.thumbs = QHBoxLayout(), QHBoxLayout()
        text = QVBoxLayout()
        text.addWidget(self.heading)
        text.addWidget(self.words, 1)
        self.foot.addLayout(text, 1)
        self.strip = QWidget()
        self.strip.setLayout(self.thumbs)
        self.thumbs.setContentsMargins(0, 0, 0, 0)
        self.foot.addWidget(self.strip)
        self.box = QVBoxLayout(self)
        self.box.addWidget(self.stage, 1)
        self.box.addLayout(self.foot)
        self.overlay = Overlay(self, theme)
        self.watcher = Watcher(self, self.overlay.see)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._picture_thumbs)
        self._keys()

    def _keys(self) -> None:
        for key, name in KEYS:
            self._key(key, getattr(self, name))
        for number in range(1, present.MOST + 1):
            self._key(str(number), lambda n=number: self._put_number(n))

    def _key(self, key: str, act: Callable[[], object]) -> None:
        shortcut = QShortcut(QKeySequence(key), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(lambda: act())

    # --- coming and going -----------------------------------------------------------------

    def begin(self, names: list[str], theme: Theme) -> None:
        """Everything anew: panels of this layout, at a size for a room."""
        self._user_theme = theme
        self.dress(names, "")
        self.bridge.moment_changed.connect(self._tell)
        app = QApplication.instance()
        if app is not None:
            app.installEventFilter(self.watcher)
        self._began = monotonic()
        if len(QGuiApplication.screens()) > 1:
            self.speak()
        self._tell(self.bridge.moment)

    def end(self) -> None:
        self.bridge.moment_changed.disconnect(self._tell)
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self.watcher)
        self.overlay.point(False)
        self.overlay.blank = False
        if self.speaker is not None:
            self.speaker.close()
            self.speaker = None
        self._clear()

    def _clear(self) -> None:
        self.drop_poll()
        for panel in self.panels.values():
            panel.setParent(None)
            panel.deleteLater()
        self.panels = {}
        while (item := self.thumbs.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()

    def dress(self, names: list[str], front: str) -> None:
        """Panels and thumbnails of ``names`` in the present theme; ``front`` (or the first) on stage."""
        self._clear()
        room, fine = self.window().size(), self.devicePixelRatioF()
        fitting = min(room.width() / 1280, room.height() / 720)
        scale = min(max(fitting, LEAST / fine), MOST / fine)
        self.theme = self._user_theme.scaled(max(self._user_theme.scale, scale))
        self.overlay.theme = self.theme
        u = int(self.theme.px(6))
        self.box.setContentsMargins(u, u, u, u)
        self.box.setSpacing(u)
        self.thumbs.setSpacing(u)
        self.strip.setVisible(self.width() >= self.theme.px(ROOM_FOR_THUMBS))
        self.setStyleSheet(f"Presenter {{ background: {self.theme.bg}; }}\n{style_sheet(self.theme)}")
        self.verdict = self._make("verdict")
        self.box.insertWidget(1, self.verdict)
        self.names = present.lineup(names)
        for number, name in enumerate(self.names, 1):
            title = BY_NAME[name].tab
            self.thumbs.addWidget(Thumb(self.theme, number, title, lambda n=name: self.put(n)))
        self.put(front if front in self.names else self.names[0])

    def _make(self, name: str) -> Panel:
        if name not in self.panels:
            made = BY_NAME[name].load()(self.bridge, self.theme)
            self.panels[name] = made
            if name != "verdict":
                self.stage.addWidget(made)
        return self.panels[name]

    # --- what is shown --------------------------------------------------------------------

    @property
    def on_stage(self) -> str:
        shown = self.stage.currentWidget()
        return next((name for name, panel in self.panels.items() if panel is shown), "")

    def put(self, name: str) -> None:
        """This panel on stage; one that is not in the line-up takes the last place."""
        if name in present.APART:
            return
        if name not in self.names:
            self.dress([*self.names[: present.MOST - 1], name], name)
            return
        self.drop_poll()
        panel = self._make(name)
        self.stage.setCurrentWidget(panel)
        panel.show_moment(self.bridge.moment)
        panel.setFocus()
        self._tell(self.bridge.moment)

    def _put_number(self, number: int) -> None:
        if number <= len(self.names):
            self.put(self.names[number - 1])

    def _tell(self, moment: Any) -> None:
        shown = self.stage.currentWidget()
        if isinstance(shown, Panel):
            shown.show_moment(moment)
        self.verdict.show_moment(moment)
        self.verdict.setVisible(moment.verdict is not None)
        if moment.compare is not None and not self._compared and "compare" in self.names:
            self._compared = True
            self.put("compare")
        self._compared = moment.compare is not None
        said = present.caption(moment, self.bridge.player)
        self.heading.setText(said.heading)
        self.words.setText(said.words)
        if self.speaker is not None:
            self.speaker.refresh()
        self._later.start(THUMBS_MS)

    def _picture_thumbs(self) -> None:
        """The small pictures, once the audience has had its large one."""
        for number, name in enumerate(self.names):
            item = self.thumbs.itemAt(number)
            thumb = item.widget() if item is not None else None
            if not isinstance(thumb, Thumb):
                continue
            thumb.on_stage = name == self.on_stage and self.poll is None
            panel = self._make(name)
            if panel is not self.stage.currentWidget():
                panel.resize(self.stage.size())
                panel.show_moment(self.bridge.moment)
            size = thumb.size() * self.devicePixelRatioF()
            picture = panel.grab()
            thumb.picture = picture.scaled(
                QSize(size), Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            thumb.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 120)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.strip.setVisible(self.width() >= self.theme.px(ROOM_FOR_THUMBS))
        self.overlay.resize(self.size())
        self.overlay.raise_()
        self._later.start(THUMBS_MS)

    # --- what a remote does ---------------------------------------------------------------

    def onward(self) -> None:
        """The next thing to show: the poll, the step's own moves, the next step; or the next action."""
        player = self.bridge.player
        if player is None:
            self._travel["next_action"]()
        elif self.poll is not None:
            self._answer(self.poll.favourite)
        elif not player.check().holds and present.poll(player) is not None:
            self.ask()
        elif not player.check().holds:
            self._act(player.show_me)
        elif not player.is_last:
            self._act(player.next)
            self.bridge.step_changed()

    def backward(self) -> None:
        player = self.bridge.player
        if player is None:
            self._travel["previous_action"]()
        elif self.poll is not None:
            self.drop_poll()
        else:
            self._act(lambda: player.go_to(player.position - 1))
            self.bridge.step_changed()

    def _act(self, act: Callable[[], object]) -> None:
        from tdxviz.core.faults import TdxvizError

        try:
            act()
        except TdxvizError as slip:
            self.bridge.slipped.emit(str(slip))
        finally:
            self.bridge.refresh()

    def ask(self) -> None:
        """The lesson's prediction as a slide, or away with it."""
        asked = present.poll(self.bridge.player)
        if self.poll is not None or asked is None:
            self.drop_poll()
            return
        self.poll = PollSlide(self.theme, asked)
        self.stage.addWidget(self.poll)
        self.stage.setCurrentWidget(self.poll)
        next(iter(self.poll.hands.values())).setFocus()

    def drop_poll(self) -> None:
        slide, self.poll = self.poll, None
        if slide is not None:
            self.stage.removeWidget(slide)
            slide.deleteLater()
            if self.names and self.names[0] in self.panels:
                self.stage.setCurrentWidget(self.panels[self.names[0]])

    def _answer(self, letter: str) -> None:
        """The room's answer is the option with most hands; with no hands, the author's."""
        from tdxviz.session.lessons.answers import Answer

        player = self.bridge.player
        self.drop_poll()
        answer = Answer(choice=letter, reason="answered by the room")
        self._act((lambda: player.answer(answer)) if letter else player.show_me)

    def darken(self) -> None:
        self.overlay.darken()

    def restyle(self) -> None:
        """Light for a bright room, dark for a dark one; the settings stay as they are."""
        other = THEMES["light" if self._user_theme.is_dark else "dark"]
        self._user_theme = other.scaled(self._user_theme.scale)
        self.dress(list(self.names), self.on_stage)

    def speak(self) -> None:
        """The speaker's window: on the other screen if there is one; again: away with it."""
        if self.speaker is not None:
            self.speaker.close()
            self.speaker = None
            return
        self.speaker = SpeakerWindow(
            self._user_theme, lambda: self.bridge.player, lambda: monotonic() - self._began
        )
        other = [screen for screen in QGuiApplication.screens() if screen is not self.window().screen()]
        if other:
            self.speaker.setGeometry(other[0].availableGeometry())
        self.speaker.show()
