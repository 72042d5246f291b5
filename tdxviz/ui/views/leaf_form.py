"""The upper part of the leaf inspector: which leaf, on which processor, with which operands."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.ui.present import leaf_answer, leaf_operands
from tdxviz.ui.present.leaf_operands import Operand
from tdxviz.ui.theme import Theme
from tdxviz.ui.widgets.flow import Flow

FOLLOW = "the last call"
RAW, RAW_WORDS = "*", "any registers, as typed"
NOT_MODELLED = "  (not modelled yet)"


class LeafPicker(QComboBox):
    """Every leaf; the first row follows the last call of the moment shown."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("leaf")
        self.setAccessibleName("Leaf")
        self.setToolTip("The leaf to look at: its operands, its checks, its answer")
        self.addItem(FOLLOW, "")
        self.addItem(RAW_WORDS, RAW)
        for name in leaf_answer.names():
            leaf = BY_NAME[name]
            mark = "" if leaf_answer.modelled(leaf) else NOT_MODELLED
            self.addItem(f"{name}  {leaf.number}{mark}", name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(16)

    def choose(self, name: str) -> None:
        self.setCurrentIndex(max(self.findData(name), 0))


class OperandField(QWidget):
    """A register with its words, a value to type, and what the machine knows of that value."""

    def __init__(self, operand: Operand, changed: Callable[[], None]) -> None:
        super().__init__()
        self.operand = operand
        self._words = self._colour = ""
        self._told: object = None
        self.caption, self.line, self.note = QLabel(), QLineEdit(), QLabel()
        self.line.setObjectName(f"operand_{operand.register}")
        self.line.setAccessibleName(f"{operand.register}: {operand.words}")
        self.line.setToolTip(operand.words)
        self.caption.setToolTip(operand.words)
        self.line.textEdited.connect(lambda _: changed())
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(1)
        for widget in (self.caption, self.line, self.note):
            box.addWidget(widget)
            if isinstance(widget, QLabel):
                widget.setTextFormat(Qt.TextFormat.PlainText)

    def dress(self, theme: Theme, width: int) -> None:
        self.setFixedWidth(width)
        for label in (self.caption, self.note):
            label.setFont(theme.font(11))
            colour = self._colour if label is self.note and self._colour else theme.secondary
            label.setStyleSheet(f"color: {colour}; font-size: {theme.px(11):.0f}px;")
        self.line.setStyleSheet(
            f'font-family: "DejaVu Sans Mono"; font-size: {theme.px(12.5):.0f}px; padding: 2px 5px;'
        )
        text = f"{self.operand.register}  {self.operand.words}"
        self.caption.setText(self.caption.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width))
        self._shorten()

    def _shorten(self) -> None:
        metrics = self.note.fontMetrics()
        self.note.setText(metrics.elidedText(self._words, Qt.TextElideMode.ElideRight, self.width()))

    def tell(self, words: str, colour: str, theme: Theme) -> None:
        """What the value means, or what is wrong with it."""
        told = (words, colour, theme.px(11), self.width())
        if told == self._told:  # a style sheet, however equal, makes Qt lay the window out again
            return
        self._told = told
        self.note.setStyleSheet(f"color: {colour}; font-size: {theme.px(11):.0f}px;")
        self._words, self._colour = words, colour
        self._shorten()
        self.note.setToolTip(words)

    @property
    def value(self) -> int | str:
        """The number typed, or what is wrong with it."""
        return leaf_operands.parse(self.line.text())


class LeafForm(QWidget):
    """Fields of one leaf; made anew when another leaf is looked at."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self.changed = changed
        self.fields: list[OperandField] = []
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 0, 0, 0)
        self._flow: Flow | None = None
        self._theme: Theme | None = None

    def show_operands(self, operands: tuple[Operand, ...], theme: Theme) -> None:
        old = self._flow
        self.fields = [OperandField(one, self.changed) for one in operands]
        self._flow = Flow(int(theme.px(8)))
        self._theme = theme
        for field in self.fields:
            self._flow.add(field)
        self._fit()
        self.box.addWidget(self._flow)
        if old is not None:
            self.box.removeWidget(old)
            old.setParent(None)  # at once: it would be painted and found until the event loop deletes it
            old.deleteLater()
        self.setVisible(bool(self.fields))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Fields as wide as a third, a half or all of the room."""
        if self._theme is None:
            return
        room, gap = max(self.width(), int(self._theme.px(150))), int(self._theme.px(8))
        columns = max(min(int(room // self._theme.px(165)), 3, len(self.fields)), 1)
        width = min((room - (columns - 1) * gap) // columns, int(self._theme.px(290)))
        for field in self.fields:
            field.dress(self._theme, width)
        if self._flow is not None:
            self._flow.updateGeometry()

    def fill(self, values: dict[str, int]) -> None:
        for field in self.fields:
            field.line.setText(leaf_operands.written(values.get(field.operand.register, 0)))


def button(words: str, name: str, tooltip: str, act: Callable[[], object]) -> QPushButton:
    made = QPushButton(words)
    made.setObjectName(name)
    made.setToolTip(tooltip)
    made.clicked.connect(lambda _=False: act())
    return made
