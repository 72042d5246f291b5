"""Small windows: find anything, go to an address, words, errors."""

from collections.abc import Callable
from typing import Any, NamedTuple

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from tdxviz.ui.theme import MONO

MARGIN = 0.94
"""Most of the screen that a dialog takes."""


def size(dialog: QDialog, width: float, height: float) -> None:
    """Open with this size, given at 100 %, and never larger than the screen."""
    parent = dialog.parentWidget()
    theme = getattr(parent.window(), "theme", None) if parent is not None else None
    scale = theme.scale if theme is not None else 1.0
    room = dialog.screen().availableGeometry().size() * MARGIN
    dialog.resize(QSize(int(width * scale), int(height * scale)).boundedTo(room))


ADDRESS = (
    "Go to address",
    "Address (host- or guest-physical) or a symbol of the guest",
    "0x413540, 0x80003540, password, picture + 0x140 …",
)
"""Title, question and example of a dialog that goes somewhere."""


class Found(NamedTuple):
    """One thing that Find knows: its kind, its words, and what choosing it does."""

    kind: str
    words: str
    act: Callable[[], Any]


class FindDialog(QDialog):
    """Type a few letters, arrow keys, Enter."""

    def __init__(self, parent: QWidget, things: list[Found], text: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle("Find anything")
        self.setAccessibleName("Find anything")
        self.things = things
        self.line = QLineEdit()
        self.line.setPlaceholderText("a panel, an action, an attack, a lesson, a symbol, a word …")
        self.line.setAccessibleName("Find what?")
        self.list = QListWidget()
        self.list.setAccessibleName("Found")
        box = QVBoxLayout(self)
        box.addWidget(self.line)
        box.addWidget(self.list)
        size(self, 620, 420)
        self.line.textChanged.connect(self._filter)
        self.list.itemActivated.connect(lambda _: self._choose())
        self.line.returnPressed.connect(self._choose)
        self.line.setText(text)
        self._filter(text)

    def _filter(self, text: str) -> None:
        self.list.clear()
        words = text.lower().split()
        rows = [
            (n, t)
            for n, t in enumerate(self.things)
            if all(w in f"{t.kind} {t.words}".lower() for w in words)
        ]
        rows.sort(key=lambda row: (not row[1].words.lower().startswith(text.lower()), row[0]))
        for number, thing in rows[:200]:
            item = QListWidgetItem(f"{thing.words}   ·  {thing.kind}")
            item.setData(Qt.ItemDataRole.UserRole, number)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _choose(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.accept()
            self.things[item.data(Qt.ItemDataRole.UserRole)].act()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            step = 1 if event.key() == Qt.Key.Key_Down else -1
            row = min(max(self.list.currentRow() + step, 0), self.list.count() - 1)
            self.list.setCurrentRow(row)
            return
        super().keyPressEvent(event)


class WordsDialog(QDialog):
    """Text to read, to select and to copy."""

    def __init__(self, parent: QWidget, title: str, text: str, *, columns: bool = False) -> None:
        """``columns``: the text is a table, each character as wide as any other."""
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        words = QPlainTextEdit(text)
        if columns:
            words.setStyleSheet(f'font-family: "{MONO}";')
        words.setReadOnly(True)
        words.setAccessibleName(title)
        words.setAccessibleDescription(text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.addWidget(words)
        box.addWidget(buttons)
        size(self, 640, 420)


class GoToDialog(QDialog):
    """An address in hex (HPA or GPA), or a name of the guest program; or what ``asks`` asks for."""

    def __init__(
        self, parent: QWidget, go: Callable[[str], str], asks: tuple[str, str, str] = ADDRESS
    ) -> None:
        super().__init__(parent)
        title, question, example = asks
        self.setWindowTitle(title)
        self._go = go
        self.line = QLineEdit()
        self.line.setPlaceholderText(example)
        self.line.setAccessibleName(question)
        self.problem = QLabel("")
        self.problem.setWordWrap(True)
        box = QVBoxLayout(self)
        box.addWidget(QLabel(f"{question}:"))
        box.addWidget(self.line)
        box.addWidget(self.problem)
        self.line.returnPressed.connect(self._try)
        size(self, 460, 120)

    def _try(self) -> None:
        problem = self._go(self.line.text())
        if problem:
            self.problem.setText(problem)
            layout = self.layout()
            needed = layout.totalHeightForWidth(self.width()) if layout is not None else 0
            self.resize(self.width(), max(self.height(), needed))  # all of the reason can be read
        else:
            self.accept()
