"""The docks: every panel in its frame, arranged by a named layout, movable by hand."""

from itertools import pairwise
from typing import Any

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QColor, QPaintEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabBar, QTabWidget, QWidget

from tdxviz.ui.folding import BANDS, BANNER, SIDES, fold, need, shares
from tdxviz.ui.layouts import LAYOUTS, Tree, leaves, swap, without
from tdxviz.ui.panel import Panel, in_low_window
from tdxviz.ui.panels import BY_NAME, PANELS, ROOMS
from tdxviz.ui.theme import Theme
from tdxviz.ui.widgets.painting import painting

LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
MAIN = ("stage", "page", "sept", "vcpu", "compare")
"""Where a panel that was called joins as a tab, the first that is there."""
ORIENTATION = {"h": Qt.Orientation.Horizontal, "v": Qt.Orientation.Vertical}


class Grip(QWidget):
    """A thin handle to drag a dock by; panels write their own titles."""

    def __init__(self, theme: Theme, title: str) -> None:
        super().__init__()
        self.theme = theme
        self.setAccessibleName(f"{title}: drag to move the panel")

    def sizeHint(self) -> QSize:
        return QSize(20, int(self.theme.px(7)))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self, smooth=False) as painter:
            painter.fillRect(self.rect(), QColor(self.theme.bg))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self.theme.rule))
            u, middle = self.theme.px(1), self.rect().center()
            for n in range(-3, 4):
                painter.drawEllipse(
                    int(middle.x() + n * 7 * u), int(middle.y() - u), int(2 * u) + 1, int(2 * u) + 1
                )


class Workspace(QMainWindow):
    """Makes a panel when it is first shown; hidden panels are not told of moments."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.bridge: Any = None
        self.layout_name = ""
        self.lesson_shown = True
        self.panels: dict[str, Panel] = {}
        self.docks: dict[str, QDockWidget] = {}
        self.setDockNestingEnabled(True)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self._placed: Tree | None = None
        """The folded layout that stands now."""
        for row in PANELS:
            if row.exists:
                self._make_dock(row.name, row.title, row.tab)

    def minimumSizeHint(self) -> QSize:
        """Layouts fold; they never ask for more than the screen has."""
        return QSize(160, 100)

    def _make_dock(self, name: str, title: str, tab: str) -> None:
        dock = QDockWidget(tab, self)
        dock.setObjectName(name)
        dock.setAccessibleName(title)
        dock.setTitleBarWidget(Grip(self.theme, title))
        dock.visibilityChanged.connect(lambda on, name=name: on and self._shown(name))
        self.docks[name] = dock
        self.addDockWidget(LEFT, dock)
        dock.hide()

    def connect_bridge(self, bridge: Any) -> None:
        self.bridge = bridge
        bridge.moment_changed.connect(self._tell)
        for name, dock in self.docks.items():
            if not dock.isHidden():
                self.panel(name)

    # --- panels ---------------------------------------------------------------------------

    def panel(self, name: str) -> Panel:
        """The panel of that name, made now if need be."""
        if name not in self.panels:
            made = BY_NAME[name].load()(self.bridge, self.theme)
            self.panels[name] = made
            self.docks[name].setWidget(made)
            made.show_moment(self.bridge.moment)
        return self.panels[name]

    def _shown(self, name: str) -> None:
        if self.bridge is not None:
            self.panel(name).show_moment(self.bridge.moment)

    def _tell(self, moment: Any) -> None:
        for name, panel in self.panels.items():
            if name == "lesson" or panel.isVisible():
                panel.show_moment(moment)

    def visible_panels(self) -> list[Panel]:
        return [p for n, p in self.panels.items() if not self.docks[n].isHidden()]

    def reveal(self, name: str) -> None:
        """Show a panel in whatever layout there is, and give it the keyboard."""
        dock = self.docks.get(name)
        if dock is None:
            self.bridge.slipped.emit(f"The view “{BY_NAME[name].title}” is not part of this version.")
            return
        if dock.isHidden():
            self._add_behind(name)
        dock.show()
        dock.raise_()
        self.panel(name).setFocus()

    def _add_behind(self, name: str) -> None:
        """A panel that is not of the layout becomes a tab where there is most to see."""
        shown = [n for n, d in self.docks.items() if not d.isHidden() and n != name]
        anchor = (
            [n for n in MAIN if n in shown]
            or [n for n in shown if n not in BANDS | SIDES | {BANNER}]
            or shown
        )
        if anchor:
            self.addDockWidget(LEFT, self.docks[name])
            self.tabifyDockWidget(self.docks[anchor[0]], self.docks[name])
            self._dress_tabs()

    # --- layouts --------------------------------------------------------------------------

    def arrange(self, name: str) -> None:
        """Put the docks where the named layout wants them; also the way to reset a layout."""
        tree = self._tree(name)
        if tree is None:
            return
        self.layout_name = name
        self.setUpdatesEnabled(False)
        try:
            self._place(tree)
        finally:
            self.setUpdatesEnabled(True)

    def _rooms(self) -> dict[str, tuple[int, int]]:
        """What each panel needs at 100 %; in a low window the verdict keeps to one line."""
        return ROOMS | ({"verdict": (320, 34)} if in_low_window(self, self.theme) else {})

    def _banner_now(self) -> dict[str, tuple[int, int]]:
        """The verdict takes the height of what it says now."""
        banner = self.panels.get("verdict")
        return (
            {} if banner is None else {"verdict": (320, round(banner.sizeHint().height() / self.theme.px(1)))}
        )

    def _tree(self, name: str) -> Tree | None:
        """The named layout as it fits the present size; in free play the attacks stand where the
        lesson was. Views that have no file are left out.
        """
        tree = self._unfolded(name)
        u = self.theme.px(1)
        return fold(tree, self.width() / u, self.height() / u, self._rooms()) if tree is not None else None

    def _unfolded(self, name: str) -> Tree | None:
        tree: Tree | None = LAYOUTS[name]
        if not self.lesson_shown:
            tree = without(tree, "lesson") if "attacks" in leaves(tree) else swap(tree, "lesson", "attacks")
        for leaf in [*leaves(LAYOUTS[name]), "attacks"]:
            if tree is not None and leaf not in self.docks:
                tree = without(tree, leaf)
        return tree

    def _place(self, tree: Tree) -> None:
        wanted = leaves(tree)
        for dock in self.docks.values():
            dock.setFloating(False)
            self.removeDockWidget(dock)
        first = self.docks[wanted[0]]
        self.addDockWidget(LEFT, first)
        first.show()
        self._split(tree)
        if self.bridge is not None:
            for name in wanted:
                self.panel(name)
        self._placed = tree
        self._share(tree, self.width(), self.height())
        for node in _tab_nodes(tree):
            self.docks[leaves(node)[0]].raise_()
        self._dress_tabs()

    def _dress_tabs(self) -> None:
        """Titles are short and never cut; what does not fit is scrolled to."""
        for bar in self.findChildren(QTabBar):
            bar.setElideMode(Qt.TextElideMode.ElideNone)
            bar.setUsesScrollButtons(True)

    def _split(self, tree: Tree) -> None:
        """Cut the room of a node's first leaf among its children, then each child's."""
        if isinstance(tree, str):
            return
        kind, _, children = tree
        for before, child in pairwise(children):
            old, new = self.docks[leaves(before)[0]], self.docks[leaves(child)[0]]
            if kind == "tabs":
                self.addDockWidget(LEFT, new)
                self.tabifyDockWidget(old, new)
            else:
                self.splitDockWidget(old, new, ORIENTATION[kind])
            new.show()
        for child in children:
            self._split(child)

    def _share(self, tree: Tree, width: int, height: int) -> None:
        if isinstance(tree, str) or tree[0] == "tabs":
            return
        kind, weights, children = tree
        axis, whole = (0, width) if kind == "h" else (1, height)
        rooms = self._rooms() | self._banner_now()
        least = [need(child, rooms)[axis] * self.theme.px(1) for child in children]
        sizes = [max(round(size), 1) for size in shares(weights, least, whole)]
        docks = [self.docks[leaves(child)[0]] for child in children]
        self.resizeDocks(docks, sizes, ORIENTATION[kind])
        for size, child in zip(sizes, children, strict=True):
            self._share(child, *((size, height) if kind == "h" else (width, size)))

    def show_lesson(self, on: bool) -> None:
        if on != self.lesson_shown:
            self.lesson_shown = on
            self.arrange(self.layout_name or "stage")

    def share_again(self) -> None:
        """Share out the room of the present layout, after the window changed its size; fold or
        unfold it if that is what the size asks for."""
        tree = self._tree(self.layout_name) if self.layout_name else None
        if tree is None:
            return
        if tree != self._placed:
            self._fold_again(tree)
        self._share(tree, self.width(), self.height())

    def _fold_again(self, tree: Tree) -> None:
        """The same layout, folded otherwise; what was in front and had the keyboard keeps it."""
        front = self.in_front()
        guests = [n for n, d in self.docks.items() if not d.isHidden() and n not in leaves(tree)]
        focused = self.focusWidget()
        self.setUpdatesEnabled(False)
        try:
            self._place(tree)
            for name in guests:
                self._add_behind(name)
                self.docks[name].show()
            for node in _tab_nodes(tree):
                seen = [name for name in leaves(node) if name in front]
                if seen:
                    self.docks[seen[0]].raise_()
            for name in guests:
                if name in front:
                    self.docks[name].raise_()
        finally:
            self.setUpdatesEnabled(True)
        if focused is not None and focused.isVisible():
            focused.setFocus()

    def in_front(self) -> list[str]:
        """Names of the panels that can be seen, the rest of a group being behind its tab."""
        return [n for n, d in self.docks.items() if d.isVisible() and not d.visibleRegion().isEmpty()]

    def remember(self) -> QByteArray:
        return self.saveState()

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        for dock in self.docks.values():
            grip = dock.titleBarWidget()
            if isinstance(grip, Grip):
                grip.theme = theme
                grip.updateGeometry()
        for panel in self.panels.values():
            panel.set_theme(theme)


def _tab_nodes(tree: Tree) -> list[Tree]:
    if isinstance(tree, str):
        return []
    own = [tree] if tree[0] == "tabs" else []
    return own + [node for child in tree[2] for node in _tab_nodes(child)]
