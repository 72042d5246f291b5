"""What every panel shares: one way to be told the moment, hit areas, keyboard, words.

A panel paints a moment, however it was reached, and keeps nothing of the one before.
"""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from tdxviz.ui.theme import Theme
from tdxviz.ui.widgets.painting import painting

LOW_WINDOW = 530
"""Below this height at 100 % every line of the window counts."""


def in_low_window(widget: QWidget, theme: Theme) -> bool:
    """Whether ``widget`` is part of a window that is low for its scale."""
    window = widget.window()
    return window is not widget and window.height() < theme.px(LOW_WINDOW)


class Hit(NamedTuple):
    """An area that can be pointed at: what it stands for (a ``Focus``) or what a click does."""

    rect: QRectF
    target: Any
    tooltip: str = ""


class Panel(QWidget):
    """Subclasses set the class attributes and paint; ``hits`` is rebuilt by each paint."""

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    key: ClassVar[str] = ""
    tooltip: ClassVar[str] = ""

    def __init__(self, bridge: Any, theme: Theme) -> None:
        super().__init__()
        self.bridge = bridge
        self.theme = theme
        self.moment: Any = None
        self.hits: list[Hit] = []
        self._cursor = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.title)
        self.setObjectName(self.name)

    def show_moment(self, moment: Any) -> None:
        """The only way in: everything shown follows from ``moment``."""
        self.moment = moment
        self.update()

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            self.paint_on(painter)

    def paint_on(self, painter: QPainter) -> None:
        """Plain ground under widgets; a painted panel overrides it. What goes wrong here goes wrong
        in this panel alone."""
        painter.fillRect(self.rect(), QColor(self.theme.panel))

    def describe(self) -> str:
        """The picture in words, for screen readers and F2."""
        return self.title

    # --- pointing -------------------------------------------------------------------------

    def hit(self, rect: QRectF, target: Any, tooltip: str = "") -> None:
        self.hits.append(Hit(rect, target, tooltip))

    def hit_at(self, at: QPointF) -> Hit | None:
        """The last painted area wins: it lies on top."""
        return next((Hit(*hit) for hit in reversed(self.hits) if hit[0].contains(at)), None)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hit = self.hit_at(event.position())
        clickable = hit is not None and hit.target is not None
        shape = Qt.CursorShape.PointingHandCursor if clickable else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        self.setToolTip(hit.tooltip if hit else self.tooltip)
        focus = self.pointed_at(hit)
        if self.moment is not None and focus != self.moment.hover:
            self.bridge.hover(focus)
        super().mouseMoveEvent(event)

    def pointed_at(self, hit: Hit | None) -> Any:
        """What every view frames while the pointer is over ``hit``."""
        return hit.target if hit and not callable(hit.target) else None

    def leaveEvent(self, event: QEvent) -> None:
        if self.moment is not None and self.moment.hover is not None:
            self.bridge.hover(None)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        hit = self.hit_at(event.position())
        if hit is not None and event.button() == Qt.MouseButton.LeftButton:
            pin = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self.activate(hit, pin=pin)
        super().mousePressEvent(event)

    def activate(self, hit: Hit, *, pin: bool = False) -> None:
        """What a click or Enter on an area does."""
        if hit.target is None:
            return
        if callable(hit.target):
            action: Callable[[], object] = hit.target
            action()
        elif pin:
            self.bridge.pin(hit.target)
        else:
            self.bridge.select(hit.target)

    # --- keyboard -------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        usable = [hit for hit in self.hits if hit[1] is not None]
        step = {
            Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8,
        }.get(Qt.Key(event.key()), 0)  # fmt: skip
        if usable and step:
            self._cursor = (self._cursor + step) % len(usable)
            words = Hit(*usable[self._cursor]).tooltip.split("\n")[0]
            self.setAccessibleDescription(words)
            self.update()
        elif usable and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if 0 <= self._cursor < len(usable):
                self.activate(Hit(*usable[self._cursor]))
        else:
            super().keyPressEvent(event)

    def paint_cursor(self, painter: QPainter) -> None:
        """Frame the area that the keyboard points at; call at the end of a paint."""
        usable = [hit for hit in self.hits if hit[1] is not None]
        if self.hasFocus() and 0 <= self._cursor < len(usable):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(self.theme.accent), self.theme.px(2.5)))
            painter.drawRoundedRect(usable[self._cursor][0], 3, 3)
