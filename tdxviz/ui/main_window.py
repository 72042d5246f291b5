"""The window: top bar, start page, workspace. What its actions do is in ``control``."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QColor, QKeySequence, QPalette, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tdxviz.ui import settings as store
from tdxviz.ui.layouts import TITLES
from tdxviz.ui.shortcuts import KEYS, taken_by
from tdxviz.ui.start_page import StartPage
from tdxviz.ui.theme import THEMES, Theme, style_sheet
from tdxviz.ui.top_bar import TopBar
from tdxviz.ui.workspace import Workspace

NOTICE_MS = 9000
NEED_A_MACHINE = frozenset(
    {"play", "forward", "back", "next_action", "previous_action", "next_attack", "previous_attack",
     "first", "last", "previous_here", "next_here", "panel", "attack", "compare", "layout", "goto", "record",
     "bookmark", "undo", "save", "describe", "firmware_next", "next_panel", "previous_panel", "world", "present", "step", "edit"}
)  # fmt: skip
"""What has no meaning on the start page, where nothing was opened."""


FIRST_OF_GROUP = frozenset(
    {"Reset layout", "Light", "Presenter mode (F11)", "Step: micro-op", "Larger (Ctrl +)", "Save script …", "Keyboard map"}
)  # fmt: skip
"""Entries of the View menu that a line stands above."""


class MainWindow(QMainWindow):
    """``actions`` is the table of everything that can be done, filled by ``control``."""

    def __init__(self, settings: store.Settings) -> None:
        super().__init__()
        self.settings = settings
        self.theme: Theme = THEMES[settings.theme].scaled(settings.scale)
        self.actions_: dict[str, Callable[..., Any]] = {}
        self.quiet = False
        """While somebody presents, nothing is told."""
        self.lent: frozenset[str] = frozenset()
        """Keys that the page on top takes for itself."""
        self.setWindowTitle("tdxviz")
        self.setAccessibleName("tdxviz")
        self.resize(QSize(1280, 720).boundedTo(self.screen().availableGeometry().size()))
        self._dress_application()  # before there are widgets that would be polished twice
        self.bar = TopBar(self.theme, _Late(self.actions_))
        self.bar.set_usable(False)  # the start page comes first
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.bar)
        self.start = StartPage(self.theme, _Late(self.actions_))
        self.workspace: Workspace
        self.stack = QStackedWidget()
        self.stack.addWidget(self.start)
        middle = QWidget()
        box = QVBoxLayout(middle)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self.notice = QLabel("")
        self.notice.setWordWrap(True)
        self.notice.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notice.hide()
        box.addWidget(self.notice)
        box.addWidget(self.stack, 1)
        self.setCentralWidget(middle)
        self._notice_timer = QTimer(self)
        self._notice_timer.setSingleShot(True)
        self._notice_timer.timeout.connect(self.notice.hide)
        self._resized = QTimer(self)
        self._resized.setSingleShot(True)
        if settings.geometry:
            self.restoreGeometry(QByteArray.fromHex(settings.geometry.encode()))

    def furnish(self) -> None:
        """Docks, keys and menu: what nobody can use before the core is loaded. The first paint does
        without."""
        self.workspace = Workspace(self.theme)
        self.stack.addWidget(self.workspace)
        self._resized.timeout.connect(self.workspace.share_again)
        self._keys()
        self._menu()

    # --- keys and menus -------------------------------------------------------------------

    def _keys(self) -> None:
        self.shortcuts: dict[str, QShortcut] = {}
        for key, action, _ in KEYS:
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(lambda a=action: self.do(a))
            self.shortcuts[key] = shortcut
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus_moved)

    def _focus_moved(self, _old: QWidget | None, new: QWidget | None) -> None:
        """Space belongs to a focused button, arrows to a slider, letters to whoever is typing."""
        taken = taken_by(new) | self.lent
        for key, shortcut in self.shortcuts.items():
            shortcut.setEnabled(key not in taken)

    def lend(self, keys: frozenset[str]) -> None:
        """Leave these keys to the page on top, until none are lent."""
        self.lent = keys
        self._focus_moved(None, QApplication.focusWidget())

    def do(self, action: str) -> None:
        """Carry out a row of the table; ``panel:`` and ``layout:`` rows name what they show."""
        kind, _, name = action.partition(":")
        if self.page == "start" and kind in NEED_A_MACHINE:
            return
        act = self.actions_.get(kind)
        if act is not None:  # None: the core is still loading
            act(*([name] if name else []))

    def _menu(self) -> None:
        """View menu: layouts, themes, sizes, help."""
        entries = [(f"Layout: {words}", f"layout:{name}") for name, words in TITLES.items()]
        entries += [
            ("Reset layout", "reset_layout"), ("Lesson dock", "toggle_lesson"),
            ("Light", "theme:light"), ("Dark", "theme:dark"), ("High contrast", "theme:contrast"),
            ("Presenter mode (F11)", "present"), ("Record a demo (R)", "record"), ("Compare worlds (C)", "compare"),
            ("Step: micro-op", "step:event"), ("Step: instruction", "step:instruction"), ("Step: action", "step:action"),
            ("Larger (Ctrl +)", "bigger"), ("Smaller (Ctrl −)", "smaller"), ("100 % (Ctrl 0)", "normal"),
            ("Boot firmware …", "firmware"), ("Save script …", "save"), ("Open …", "open"), ("Branches …", "branches"),
            ("Keyboard map", "keyboard"), ("Glossary", "glossary"), ("About", "about"),
        ]  # fmt: skip
        menu = self.bar.more.menu()
        for words, action in entries:
            if words in FIRST_OF_GROUP:
                menu.addSeparator()
            menu.addAction(words).triggered.connect(lambda _=False, a=action: self.do(a))

    # --- what is shown --------------------------------------------------------------------

    def show_page(self, name: str) -> None:
        """``start`` or ``work``."""
        chosen = self.start if name == "start" else self.workspace
        self.bar.set_usable(chosen is not self.start)
        if self.stack.currentWidget() is not chosen or chosen is self.start:
            self.stack.setCurrentWidget(chosen)
            chosen.setFocus()

    @property
    def page(self) -> str:
        return "start" if self.stack.currentWidget() is self.start else "work"

    def tell(self, text: str, *, bad: bool = True) -> None:
        """One line under the bar, for a while."""
        if not text or self.quiet:
            return
        tone = self.theme.bad if bad else self.theme.good
        u = self.theme.px
        self.notice.setStyleSheet(
            f"background: {self.theme.note}; color: {self.theme.text}; padding: {u(7):.0f}px {u(14):.0f}px;"
            f" border-left: {u(6):.0f}px solid {tone};"
        )
        self.notice.setText(text)
        self.notice.setAccessibleName(text)
        self.notice.show()
        self._notice_timer.start(NOTICE_MS)

    def _dress_application(self) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication):
            palette = app.palette()
            palette.setColor(QPalette.ColorRole.Link, QColor(self.theme.guest_job))
            app.setPalette(palette)  # links in Markdown take their colour from here
            app.setStyleSheet(style_sheet(self.theme))

    def set_theme(self, theme: Theme) -> None:
        """Dress everything anew."""
        self.theme = theme
        self._dress_application()
        self.bar.set_theme(theme)
        self.start.set_theme(theme)
        self.workspace.set_theme(theme)
        self.workspace.share_again()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._resized.start(30)

    def closeEvent(self, event: QCloseEvent) -> None:
        if "quit" in self.actions_:
            self.actions_["quit"]()
        super().closeEvent(event)


class _Late(dict[str, Callable[..., Any]]):
    """Looks a name up in a table that is filled later."""

    def __init__(self, table: dict[str, Callable[..., Any]]) -> None:
        super().__init__()
        self._table = table

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return self._table.get(name, lambda *_: None)
