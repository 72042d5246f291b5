"""The bar at the top: transport left, title, worlds, and the things one can do."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QWidget,
)

from tdxviz.ui.theme import Theme
from tdxviz.ui.widgets.painting import painting

WORLDS = (("legacy", "Legacy VM"), ("li", "TDX · Li"), ("ci", "TDX · Ci"))
WORLD_TIPS = {
    "legacy": "An ordinary VM: no memory encryption, the host owns everything",
    "li": "TDX with logical integrity: encryption and a TD-owner bit per line",
    "ci": "TDX with cryptographic integrity: also a 28-bit MAC per line",
}
LEAST_TITLE = 120
"""Pixels at 100 % that the title should have."""
LEAST_LETTERS = 8
"""With less room it is not shown at all."""
UNITS = (("event", "micro-op"), ("instruction", "instruction"), ("action", "action"))


KEY_WORDS = {"attack": "A", "compare": "C", "present": "F11", "record": "R", "find": "Ctrl+K"}
SIGNS = {"attack": "⚔", "compare": "⇄", "present": "▣", "record": "●", "find": "⌕"}
PLAYING = ("first", "back", "play", "forward", "last", "attack", "compare", "present", "record")
"""Buttons that need a machine."""
SHORT_WORLDS = {"legacy": "Legacy", "li": "Li", "ci": "Ci"}
SPARE = (set[str](), {"first", "last", "record"}, {"compare", "unit"}, {"back", "forward"})
"""What goes first where there is no room, in this order; keys, Find and the View menu have it still."""
SIGNS_ONLY = 4
LEVELS = SIGNS_ONLY + len(SPARE)
"""With keys; words; without Present; with short worlds; signs alone; then fewer and fewer of them."""


class Title(QLabel):
    """Takes the room that is left, and says with three dots when it is too little."""

    def sizeHint(self) -> QSize:
        return QSize(0, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        rect = self.rect().adjusted(8, 0, -4, 0)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, rect.width())
        if rect.width() < self.fontMetrics().averageCharWidth() * LEAST_LETTERS:
            return
        with painting(self) as painter:
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, shown)


class TopBar(QToolBar):
    """Buttons only; what they do comes in ``actions``: name -> callable."""

    def __init__(self, theme: Theme, actions: dict[str, Callable[..., Any]]) -> None:
        super().__init__("Main")
        self.setObjectName("top_bar")
        self.setMovable(False)
        self.setFloatable(False)
        self._actions = actions
        self.buttons: dict[str, QToolButton] = {}
        self._added: dict[str, QAction] = {}
        self.theme = theme
        self.unit = "event"
        self._running = self._short_run = False
        self._usable = True
        self._build()
        self.set_theme(theme)

    def _build(self) -> None:
        self._button("home", "⌂", "Start page (Alt+Home)")
        for name, sign, tip in (
            ("first", "|◀", "To the beginning (Home)"),
            ("back", "◀", "One step back (←)"),
            ("play", "▶ Run", "Let the guest run, or pause it (Space)"),
            ("forward", "▶", "One step forward (→)"),
            ("last", "▶|", "To the end (End)"),
        ):
            self._button(name, sign, tip)
        self.unit_button = self._menu_button("unit", "step: micro-op", "What one step is")
        for unit, words in UNITS:
            self._entry(self.unit_button, words, lambda _=False, u=unit: self.set_unit(u))
        self.title = Title("")
        self.title.setProperty("role", "barTitle")
        self.title.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(self.title)
        self.addWidget(self._world_switch())
        for name, words, tip in (
            ("attack", "Attack", "Attack cards (A)"),
            ("compare", "Compare", "The same script in the legacy world (C)"),
            ("present", "Present", "Presenter mode: larger, one panel on stage (F11)"),
            ("record", "Record", "Make a demo of this script (R)"),
            ("find", "Find", "Find anything (Ctrl+K)"),
        ):
            self._button(name, words, tip)
        self.more = self._menu_button("more", "View", "Layouts, theme, size, help")

    def _button(self, name: str, words: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(words)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.clicked.connect(lambda: self._actions[name]())
        button.setObjectName(f"bar_{name}")
        self._added[name] = self.addWidget(button)
        self.buttons[name] = button
        return button

    def _menu_button(self, name: str, words: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(f"{words} ▾")
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(QMenu(button))
        self._added[name] = self.addWidget(button)
        return button

    @staticmethod
    def _entry(button: QToolButton, words: str, act: Callable[..., Any]) -> QAction:
        entry = QAction(words, button)
        entry.triggered.connect(act)
        button.menu().addAction(entry)
        return entry

    def _world_switch(self) -> QWidget:
        box, row = QWidget(), QHBoxLayout()
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(0)
        self.worlds = QButtonGroup(box)
        self.worlds.setExclusive(True)
        for number, (world, words) in enumerate(WORLDS):
            button = QToolButton()
            button.setText(words)
            button.setCheckable(True)
            button.setToolTip(WORLD_TIPS[world])
            button.setAccessibleName(f"World: {words}")
            button.setObjectName(f"world_{world}")
            button.clicked.connect(lambda _=False, w=world: self._actions["world"](w))
            self.worlds.addButton(button, number)
            row.addWidget(button)
        box.setLayout(row)
        return box

    # --- room -----------------------------------------------------------------------------

    def fit(self) -> None:
        """Longest words first; then signs, then fewer buttons, until the title has room."""
        for level in range(LEVELS):
            self._words(level)
            hint = self.sizeHint().width()
            if hint + self.theme.px(LEAST_TITLE if level < SIGNS_ONLY else 0) <= self.width():
                break
        self.set_usable(self._usable)  # what becomes visible again becomes usable with it

    def _words(self, level: int) -> None:
        for name, key in KEY_WORDS.items():
            button = self.buttons[name]
            words = f"{SIGNS[name]} {name.capitalize()}  {key}" if level == 0 else name.capitalize()
            button.setText(words if level < SIGNS_ONLY else SIGNS[name])
        for (world, words), choice in zip(WORLDS, self.worlds.buttons(), strict=True):
            choice.setText(SHORT_WORLDS[world] if level > 2 else words)
        unit = dict(UNITS)[self.unit]
        self.unit_button.setText(f"step: {unit} ▾" if level < 2 else f"{unit} ▾")
        self.more.setText("View ▾" if level < SIGNS_ONLY else "☰")
        self._short_run = level >= SIGNS_ONLY
        self._say_run()
        gone = {"present"} if level > 1 else set[str]()
        gone.update(*SPARE[: max(level - SIGNS_ONLY + 1, 0)])
        for name, action in self._added.items():
            action.setVisible(name not in gone)
        layout = self.layout()
        if layout is not None:
            layout.invalidate()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def set_unit(self, unit: str) -> None:
        self.unit = unit
        self.fit()
        self._actions["unit"](unit)

    def set_usable(self, on: bool) -> None:
        """False on the start page: there is no machine to drive yet."""
        self._usable = on
        for name in PLAYING:
            self.buttons[name].setEnabled(on)
        for one in (self.unit_button, *self.worlds.buttons()):
            one.setEnabled(on)

    def show_state(self, world: str, title: str, *, running: bool, comparing: bool) -> None:
        number = [w for w, _ in WORLDS].index(world)
        button = self.worlds.button(number)
        if button is not None and not button.isChecked():
            button.setChecked(True)
        self.title.setText(title)
        self.title.setToolTip(title)
        self._running = running
        self._say_run()
        self.buttons["compare"].setCheckable(True)
        self.buttons["compare"].setChecked(comparing)

    def _say_run(self) -> None:
        words = ("❚❚", "❚❚ Pause") if self._running else ("▶▶", "▶ Run")
        self.buttons["play"].setText(words[not self._short_run])

    def set_theme(self, theme: Theme) -> None:
        u = theme.px
        self.theme = theme
        self.setStyleSheet(
            f"QToolBar {{ background: {theme.panel}; border: none; border-bottom: 1px solid {theme.rule};"
            f" spacing: {u(4):.0f}px; padding: {u(4):.0f}px {u(8):.0f}px; }}"
            f"QToolButton {{ padding: {u(4):.0f}px {u(8):.0f}px; font-size: {u(13):.0f}px; }}"
            f"QLabel {{ font-size: {u(14):.0f}px; font-weight: bold; padding-left: {u(8):.0f}px; }}"
        )
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.fit()
