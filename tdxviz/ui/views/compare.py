"""Two worlds side by side: the same script, the same bytes, two outcomes."""

from typing import Any

from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from tdxviz.ui.panel import Panel, in_low_window
from tdxviz.ui.present import compare as present
from tdxviz.ui.present.questions import Questions, asked
from tdxviz.ui.views.compare_half import Half
from tdxviz.ui.views.compare_lanes import LanesStrip

BOTH, LEFT, RIGHT, OVERLAY = "Both", "A only", "B only", "Differences"
SHORT = {"legacy": "VM", "li": "Li", "ci": "Ci"}
"""Names of the lanes."""
BESIDE = 640
"""From this width at 100 % the words stand beside the buttons."""
WAYS = {
    BOTH: "Both worlds, side by side",
    LEFT: "The other world alone",
    RIGHT: "This world alone",
    OVERLAY: "Only the bytes in which the worlds differ",
}


class ComparePanel(Panel):
    """Left the other world, right this one; the middle line says where they differ."""

    name = "compare"
    title = "Two worlds"
    key = "C"
    tooltip = "The same script in two worlds: press C to start and to stop comparing"

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self.left, self.right = Half(theme), Half(theme)
        self.words = QLabel("")
        self.words.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.left, 1)
        row.addWidget(self.right, 1)
        holder = QWidget()
        holder.setLayout(row)
        row.setContentsMargins(0, 0, 0, 0)
        self.box = QVBoxLayout(self)
        self.box.addWidget(holder, 1)
        self.lanes = LanesStrip(theme, bridge.go_to)
        self.box.addWidget(self.lanes)
        self.low = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self.low.addWidget(self.words, 1)
        ways = QHBoxLayout()
        self.ways = {name: self._way(name, ways) for name in WAYS}
        self.low.addLayout(ways)
        self.box.addLayout(self.low)
        self._dress()

    def _way(self, name: str, row: QHBoxLayout) -> QPushButton:
        """One of the buttons that choose which sides are shown, and how."""
        button = QPushButton(name)
        button.setCheckable(True)
        button.setAutoExclusive(True)
        button.setChecked(name == BOTH)
        button.setToolTip(WAYS[name])
        button.toggled.connect(lambda on, n=name: self._choose(n) if on else None)
        row.addWidget(button)
        return button

    def _choose(self, name: str) -> None:
        self.left.setVisible(name != RIGHT)
        self.right.setVisible(name != LEFT)
        for half in (self.left, self.right):
            half.show_overlay(name == OVERLAY)

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(760)), int(self.theme.px(420)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(300)), int(self.theme.px(110)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Words beside the buttons, above them in a narrow panel, nowhere in a low window."""
        super().resizeEvent(event)
        wide = self.width() >= self.theme.px(BESIDE)
        way = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        self.low.setDirection(way)
        self.words.setVisible(wide or not in_low_window(self, self.theme))

    def _dress(self) -> None:
        bold = QFontMetricsF(self.theme.font(14, True))  # a chosen button is bold
        for name, button in self.ways.items():
            button.setMinimumWidth(int(bold.horizontalAdvance(name) + self.theme.px(32)))
        self.words.setStyleSheet(f"color: {self.theme.text}; font-size: {self.theme.px(13):.0f}px;")

    def set_theme(self, theme: Any) -> None:
        super().set_theme(theme)
        self._dress()
        for part in (self.left, self.right, self.lanes):
            part.theme = theme
            part.update()

    def paint_on(self, painter: QPainter) -> None:
        painter.fillRect(self.rect(), QColor(self.theme.bg))

    def show_moment(self, moment: Any) -> None:
        self.moment = moment  # its widgets paint themselves when they change
        other = moment.compare
        here, there = moment.world, other.world if other is not None else ""
        self.lanes.show_lanes(
            present.lanes(self.bridge.session, moment), (SHORT.get(there, ""), SHORT.get(here, ""))
        )
        if other is None:
            self.words.setText("Press C to play this script in the other world as well.")
            self.left.show_side(None)
            self.right.show_side(present.side(asked(self.bridge, moment), moment.focus, moment.verdict))
            return
        verdict = present.other_verdict(self.bridge.session, moment)
        a = present.side(Questions(other), moment.focus, verdict)
        b = present.side(asked(self.bridge, moment), moment.focus, moment.verdict)
        self.left.show_side(a, against=b)
        self.right.show_side(b, against=a)
        self.words.setText(present.difference(a, b))

    def describe(self) -> str:
        return f"{self.title}. {self.words.text()} {self.lanes.describe()} {self.left.describe()} {self.right.describe()}"
