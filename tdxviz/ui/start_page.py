"""The first page: go on, lessons with progress, the sandbox, the attacks."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tdxviz.ui.theme import Theme

TWO_COLUMNS = 800
"""From this width at 100 %."""
LEVELS = {"novice": "novice", "intermediate": "intermediate", "advanced": "advanced"}


class StartPage(QScrollArea):
    """``actions``: ``lesson(id)``, ``continue_``, ``sandbox``, ``attack(id)``. Filled when known."""

    def __init__(self, theme: Theme, actions: dict[str, Callable[..., Any]]) -> None:
        super().__init__()
        self.theme = theme
        self._actions = actions
        self._known: dict[str, Any] = {}
        self.setWidgetResizable(True)
        self.setAccessibleName("Start page")
        self.rebuild()

    def fill(self, *, lessons: list[tuple[str, str, str, int, str, str]], attacks: list[tuple[str, str, str]],
             unfinished: str) -> None:  # fmt: skip
        """``lessons``: id, title, level, minutes, state, number; ``attacks``: id, title, who."""
        self._known = {"lessons": lessons, "attacks": attacks, "unfinished": unfinished}
        self.rebuild()

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self.rebuild()

    def rebuild(self) -> None:
        u = self.theme.px
        self._first: QPushButton | None = None
        page, box = QWidget(), QVBoxLayout()
        self._columns = self._fitting_columns()
        side, top = (40, 28) if self._columns > 1 else (16, 12)
        box.setContentsMargins(int(u(side)), int(u(top)), int(u(side)), int(u(top)))
        box.setSpacing(int(u(12)))
        box.addWidget(self._label("Learn Intel TDX by attacking a confidential VM", "title"))
        box.addWidget(
            self._label(
                "A whole TDX machine runs in this window: memory with real ciphertext, the TDX module, "
                "a guest made of real x86-64 code. You play the malicious host and see what you get.",
                "secondary",
            )
        )
        if self._known.get("unfinished"):
            box.addWidget(self._continue())
        across = QBoxLayout.Direction.LeftToRight if self._columns > 1 else QBoxLayout.Direction.TopToBottom
        columns = QBoxLayout(across)
        columns.setSpacing(int(u(18)))
        columns.addLayout(self._lessons(), 3)
        columns.addLayout(self._free(), 2)
        box.addSpacing(int(u(8)))
        box.addLayout(columns)
        box.addStretch(1)
        page.setLayout(box)
        self.page = page
        self.setWidget(page)
        if self._first is not None:
            self.setFocusProxy(self._first)  # the keyboard starts at what most people want

    def _fitting_columns(self) -> int:
        """Lessons beside free play, or above it in a narrow window."""
        return 2 if self.width() >= self.theme.px(TWO_COLUMNS) else 1

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._columns != self._fitting_columns():
            self.rebuild()

    def _label(self, text: str, role: str = "") -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _card(self) -> tuple[QFrame, QVBoxLayout]:
        frame, inner = QFrame(), QVBoxLayout()
        frame.setProperty("role", "card")
        u = self.theme.px
        inner.setContentsMargins(int(u(14)), int(u(10)), int(u(14)), int(u(10)))
        inner.setSpacing(int(u(4)))
        frame.setLayout(inner)
        return frame, inner

    def _continue(self) -> QFrame:
        frame, inner = self._card()
        row = QHBoxLayout()
        words = QVBoxLayout()
        words.addWidget(self._label("Go on where you stopped", "heading"))
        words.addWidget(self._label(self._known["unfinished"], "secondary"))
        row.addLayout(words, 1)
        button = QPushButton("Continue")
        button.setProperty("primary", "true")
        button.setObjectName("continue")
        button.setAccessibleName("Continue the last session")
        button.clicked.connect(lambda: self._actions["continue"]())
        self._first = button
        row.addWidget(button)
        inner.addLayout(row)
        return frame

    def _progress(self, title: str, state: str) -> QProgressBar:
        """A thin bar: steps done of all steps."""
        done, _, rest = state.partition(" of ")
        bar = QProgressBar()
        bar.setTextVisible(False)
        bar.setFixedHeight(int(self.theme.px(5)))
        bar.setRange(0, int(rest.split()[0]) if rest else 1)
        bar.setValue(int(done) if rest else int(state == "done"))
        bar.setAccessibleName(f"{title}: {state}")
        return bar

    def _lessons(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(int(self.theme.px(10)))
        column.addWidget(self._label("Lessons", "heading"))
        lessons = self._known.get("lessons", [])
        following = next((row[0] for row in lessons if row[4] != "done"), "")
        for lesson, title, level, minutes, state, number in lessons:
            frame, inner = self._card()
            row = QHBoxLayout()
            words = QVBoxLayout()
            name = QLabel(f"{number}  {title}".strip())
            name.setFont(self.theme.font(15, True))
            name.setWordWrap(True)
            words.addWidget(name)
            words.addWidget(self._label(f"{LEVELS.get(level, level)} · {minutes} min · {state}", "secondary"))
            words.addWidget(self._progress(title, state))
            row.addLayout(words, 1)
            button = QPushButton("Start" if state == "not started" else "Open")
            button.setObjectName(f"lesson_{lesson}")
            button.setAccessibleName(f"Lesson: {title}, {minutes} minutes, {state}")
            if lesson == following and not self._known.get("unfinished"):
                button.setProperty("primary", "true")
                self._first = button
            button.clicked.connect(lambda _=False, n=lesson: self._actions["lesson"](n))
            row.addWidget(button)
            inner.addLayout(row)
            column.addWidget(frame)
        if not self._known:
            column.addWidget(self._label("loading …", "secondary"))
        column.addStretch(1)
        return column

    def _free(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(int(self.theme.px(10)))
        column.addWidget(self._label("Free play", "heading"))
        frame, inner = self._card()
        inner.addWidget(self._label("Sandbox: a running TD and every tool of the host."))
        button = QPushButton("Open the sandbox")
        button.setObjectName("sandbox")
        button.clicked.connect(lambda: self._actions["sandbox"]())
        inner.addWidget(button)
        firmware = QPushButton("Boot a TD firmware …")
        firmware.setObjectName("firmware")
        firmware.setToolTip(
            "A real image (OVMF) becomes a TD and runs its own reset vector, TDCALL by TDCALL"
        )
        firmware.clicked.connect(lambda: self._actions["firmware"]())
        inner.addWidget(firmware)
        column.addWidget(frame)
        column.addWidget(self._label("Attacks", "heading"))
        grid = QGridLayout()
        grid.setSpacing(int(self.theme.px(6)))
        for number, (attack, title, who) in enumerate(self._known.get("attacks", [])):
            card = QPushButton(title)
            card.setToolTip(f"{who}. Opens the sandbox and plays it.")
            card.setAccessibleName(f"Attack: {title}, by {who}")
            card.setStyleSheet("text-align: left;")
            card.setObjectName(f"attack_{attack}")
            card.clicked.connect(lambda _=False, n=attack: self._actions["attack_id"](n))
            grid.addWidget(card, number, 0)
        column.addLayout(grid)
        column.addStretch(1)
        return column
