"""Parts of the presenter's page: spotlight and key chips, thumbnails, the poll, the speaker's window."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QCursor,
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import (
    QGridLayout,
    QLabel,
    QProgressBar,
    QSpinBox,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from tdxviz.ui.present import presenter as present
from tdxviz.ui.theme import Theme
from tdxviz.ui.widgets.painting import painting

SHADE = QColor(0, 0, 0, 150)
CHIP_MS, RING_MS, POINTER_MS = 1400, 450, 25
SPOT = 110
"""Radius of the spotlight at 100 %."""
MOST_HANDS = 9999


class Overlay(QWidget):
    """Lies over the page and lets the mouse through: laser, blank screen, keys and clicks."""

    def __init__(self, page: QWidget, theme: Theme) -> None:
        super().__init__(page)
        self.theme = theme
        self.blank = self.laser = False
        self.keys = ""
        self.click: QPoint | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._chip, self._ring, self._pointer = QTimer(self), QTimer(self), QTimer(self)
        for timer, after in ((self._chip, self._no_keys), (self._ring, self._no_click)):
            timer.setSingleShot(True)
            timer.timeout.connect(after)
        self._pointer.setInterval(POINTER_MS)
        self._pointer.timeout.connect(self.update)

    def see(self, event: QEvent) -> None:
        """A key or a click anywhere in the window."""
        if isinstance(event, QKeyEvent):
            self._see_key(event)
        elif isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress:
            self.click = self.mapFromGlobal(event.globalPosition().toPoint())
            self._ring.start(RING_MS)
            self.update()

    def _see_key(self, event: QKeyEvent) -> None:
        control = event.key() == Qt.Key.Key_Control
        if control and not event.isAutoRepeat():
            self.point(event.type() != QEvent.Type.KeyRelease)
        elif event.type() == QEvent.Type.ShortcutOverride and event.key() not in MODIFIERS:
            self.keys = QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.NativeText)
            self._chip.start(CHIP_MS)
            self.update()

    def point(self, on: bool) -> None:
        """The laser, as long as Ctrl is held."""
        self.laser = on
        (self._pointer.start if on else self._pointer.stop)()
        self.update()

    def darken(self) -> None:
        """A black screen, and back."""
        self.blank = not self.blank
        self.update()

    def _no_keys(self) -> None:
        self.keys = ""
        self.update()

    def _no_click(self) -> None:
        self.click = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            if self.blank:
                painter.fillRect(self.rect(), QColor("#000000"))
                return
            if self.laser:
                self._spotlight(painter, QPointF(self.mapFromGlobal(QCursor.pos())))
            if self.click is not None:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(self.theme.accent), self.theme.px(4)))
                painter.drawEllipse(QPointF(self.click), self.theme.px(20), self.theme.px(20))
            if self.keys:
                self._key_chip(painter)

    def _spotlight(self, painter: QPainter, at: QPointF) -> None:
        radius = self.theme.px(SPOT)
        shade, lit = QPainterPath(), QPainterPath()
        shade.addRect(QRectF(self.rect()))
        lit.addEllipse(at, radius, radius)
        painter.fillPath(shade.subtracted(lit), SHADE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.theme.bad))
        painter.drawEllipse(at, self.theme.px(5), self.theme.px(5))

    def _key_chip(self, painter: QPainter) -> None:
        u, font = self.theme.px, self.theme.font(15, True)
        width = QFontMetricsF(font).horizontalAdvance(self.keys) + u(24)
        chip = QRectF(self.width() - width - u(14), u(10), width, u(30))
        painter.setPen(QPen(QColor(self.theme.edge), u(1.5)))
        painter.setBrush(QColor(self.theme.panel))
        painter.drawRoundedRect(chip, u(6), u(6))
        painter.setPen(QColor(self.theme.text))
        painter.setFont(font)
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, self.keys)


MODIFIERS = frozenset(
    {Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr, 0}
)


class Watcher(QObject):
    """Sees every event of the application while the page is shown."""

    def __init__(self, page: QWidget, tell: Callable[[QEvent], None]) -> None:
        super().__init__(page)  # goes with it, and its filter too
        self._page, self._tell = page, tell

    def eventFilter(self, thing: QObject, event: QEvent) -> bool:
        kinds = (QEvent.Type.KeyPress, QEvent.Type.KeyRelease, QEvent.Type.ShortcutOverride,
                 QEvent.Type.MouseButtonPress)  # fmt: skip
        if event.type() in kinds and isinstance(thing, QWidget) and thing.window() is self._page.window():
            self._tell(event)
        return False


class Thumb(QWidget):
    """A small picture of a panel with its key; a click puts it on stage."""

    def __init__(self, theme: Theme, number: int, title: str, act: Callable[[], None]) -> None:
        super().__init__()
        self.theme, self.number, self.title, self._act = theme, number, title, act
        self.picture: QPixmap | None = None
        self.on_stage = False
        self.setAccessibleName(f"{number}: {title}")
        self.setToolTip(f"{title} (key {number})")
        self.setFixedSize(QSize(int(theme.px(92)), int(theme.px(58))))
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._act()

    def paintEvent(self, event: QPaintEvent) -> None:
        u, theme = self.theme.px, self.theme
        area = QRectF(self.rect()).adjusted(u(1), u(1), -u(1), -u(1))
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.fillRect(area, QColor(theme.panel))
            if self.picture is not None:
                painter.drawPixmap(area.toRect(), self.picture)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(
                QPen(QColor(theme.accent if self.on_stage else theme.rule), u(3 if self.on_stage else 1))
            )
            painter.drawRect(area)
            foot = QRectF(area.left(), area.bottom() - u(17), area.width(), u(17))
            painter.fillRect(foot, QColor(theme.panel))
            painter.setPen(QColor(theme.text))
            painter.setFont(theme.font(11.5, self.on_stage))
            words = QFontMetricsF(painter.font()).elidedText(
                f"{self.number} {self.title}", Qt.TextElideMode.ElideRight, foot.width() - u(6)
            )
            painter.drawText(foot.adjusted(u(4), 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, words)


class PollSlide(QWidget):
    """The prediction as a slide: the teacher types how many hands each option got."""

    def __init__(self, theme: Theme, asked: present.Poll) -> None:
        super().__init__()
        self.asked = asked
        box, grid = QVBoxLayout(self), QGridLayout()
        u = int(theme.px(20))
        box.setContentsMargins(2 * u, u, 2 * u, u)
        words = QLabel(asked.words)
        words.setWordWrap(True)
        words.setFont(theme.font(17, True))
        words.setStyleSheet(f"font-size: {theme.px(17):.0f}px; font-weight: bold;")
        box.addWidget(words)
        box.addLayout(grid)
        box.addStretch(1)
        self.hands: dict[str, QSpinBox] = {}
        self.bars: dict[str, QProgressBar] = {}
        for row, (letter, text) in enumerate(asked.options):
            option = QLabel(f"{letter}  {text}")
            option.setWordWrap(True)
            spin, bar = QSpinBox(), QProgressBar()
            spin.setRange(0, MOST_HANDS)
            spin.setObjectName(f"hands_{letter}")
            spin.setAccessibleName(f"Hands for {letter}: {text}")
            spin.valueChanged.connect(lambda _: self._count())
            bar.setTextVisible(False)
            bar.setFixedHeight(int(theme.px(14)))
            for column, widget in enumerate((option, spin, bar)):
                grid.addWidget(widget, row, column)
            self.hands[letter], self.bars[letter] = spin, bar
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(2, 2)
        self._count()

    def _count(self) -> None:
        total = sum(spin.value() for spin in self.hands.values())
        for letter, bar in self.bars.items():
            bar.setRange(0, max(total, 1))
            bar.setValue(self.hands[letter].value())

    @property
    def favourite(self) -> str:
        """The option with most hands; empty if nobody raised one."""
        best = max(self.hands, key=lambda letter: self.hands[letter].value(), default="")
        return best if best and self.hands[best].value() else ""


class SpeakerWindow(QWidget):
    """For the second screen: time gone by, the step's whole text, what comes next."""

    def __init__(self, theme: Theme, player: Callable[[], Any], seconds: Callable[[], float]) -> None:
        super().__init__()
        self.setWindowTitle("tdxviz: speaker")
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)  # the remote drives the other one
        self.setAccessibleName("Speaker's notes")
        self._player, self._seconds = player, seconds
        self.time, self.notes = QLabel(), QTextBrowser()
        self.time.setFont(theme.font(28, True))
        self.time.setStyleSheet(f"font-size: {theme.px(28):.0f}px; font-weight: bold;")
        self.time.setAccessibleName("Elapsed time")
        self.setStyleSheet(f"background: {theme.bg};")
        box = QVBoxLayout(self)
        box.addWidget(self.time)
        box.addWidget(self.notes, 1)
        self.resize(int(theme.px(420)), int(theme.px(360)))
        self._tick = QTimer(self)
        self._tick.setInterval(1000)
        self._tick.timeout.connect(self.refresh)
        self._tick.start()
        self.refresh()

    def refresh(self) -> None:
        self.time.setText(present.clock(self._seconds()))
        text = present.notes(self._player())
        if text != self.notes.property("shown"):
            self.notes.setProperty("shown", text)
            self.notes.setMarkdown(text)
