"""The window on its way into presenter mode and out of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt

from tdxviz.ui.layouts import LAYOUTS, leaves
from tdxviz.ui.main_window import MainWindow

if TYPE_CHECKING:
    from tdxviz.ui.presenter import Presenter


class Show:
    """``toggle`` is F11; the page is made when it is first wanted."""

    def __init__(self, window: MainWindow, bridge: Any, travel: dict[str, Callable[[], Any]]) -> None:
        self.window, self.bridge, self._travel = window, bridge, travel
        self.page: Presenter | None = None
        self._before = Qt.WindowState.WindowNoState

    @property
    def on(self) -> bool:
        return self.page is not None and self.window.stack.currentWidget() is self.page

    def toggle(self) -> None:
        self.leave() if self.on else self.enter()

    def enter(self) -> None:
        """Full screen, without bar, notices and docks."""
        from tdxviz.ui.presenter import KEYS, Presenter  # it is not needed before

        window = self.window
        if self.page is None:
            self.page = Presenter(self.bridge, window.theme, self._travel)
            window.stack.addWidget(self.page)
        self._before = window.windowState()
        window.bar.hide()
        window.notice.hide()
        window.quiet = True
        window.lend(frozenset(key for key, _ in KEYS))
        window.stack.setCurrentWidget(self.page)
        window.showFullScreen()
        self.page.begin(leaves(LAYOUTS[window.workspace.layout_name or "stage"]), window.theme)

    def leave(self) -> None:
        """Everything as it was; the machine stays where the talk left it."""
        if self.page is None:
            return
        window = self.window
        self.page.end()
        window.quiet = False
        window.lend(frozenset())
        window.bar.show()
        window.setWindowState(self._before)
        window.stack.setCurrentWidget(window.workspace)
        window.workspace.share_again()
        self.bridge.refresh()

    def put(self, name: str) -> None:
        if self.page is not None:
            self.page.put(name)

    def line_up(self, layout: str) -> None:
        """The panels of another layout, its first one on stage."""
        if self.page is not None:
            names = leaves(LAYOUTS[layout])
            self.page.dress(names, "")
