"""A question of a lesson: options with confidence, a sentence with gaps, or free words."""

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from tdxviz.ui.present import lesson as present
from tdxviz.ui.widgets.flow import Flow

CONFIDENCE = ("a guess", "unsure", "fifty-fifty", "rather sure", "sure")


class QuestionBox(QWidget):
    """Emits ``answered(Answer)`` when the learner commits."""

    answered = Signal(object)

    def __init__(self, theme: Any, question: Any, text: str, given: Any) -> None:
        super().__init__()
        self.theme = theme
        self.question = question
        self.given = given
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 0, 0, 0)
        self.box.setSpacing(int(theme.px(6)))
        kind = question.ask.type
        {"choice": self._choice, "cloze": lambda: self._cloze(text), "text": self._text}[kind]()
        if question.ask.confidence and kind == "choice":
            self._sureness()
        self.commit = QPushButton("Change my answer" if given else "That is my answer")
        self.commit.setObjectName("answer")
        self.commit.setProperty("primary", "false" if given else "true")
        self.commit.clicked.connect(self._commit)
        self.box.addWidget(self.commit)

    def _choice(self) -> None:
        self.group = QButtonGroup(self)
        self.group.setExclusive(True)
        for number, (key, words) in enumerate(self.question.options.items()):
            button = QPushButton(words)
            button.setCheckable(True)
            button.setObjectName(f"option_{key}")
            button.setAccessibleName(f"Option {key}: {words}")
            button.setStyleSheet("text-align: left;")
            wrapped = QLabel(words)
            wrapped.setWordWrap(True)
            button.setText("")
            row = QHBoxLayout(button)
            row.setContentsMargins(10, 6, 10, 6)
            wrapped.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(wrapped)
            button.setMinimumHeight(self._height(words))
            button.toggled.connect(lambda on, w=wrapped: self._ink(w, on))
            button.setChecked(bool(self.given and self.given.choice == key))
            self.group.addButton(button, number)
            self.box.addWidget(button)

    def _ink(self, label: QLabel, on: bool) -> None:
        label.setStyleSheet(
            f"color: {self.theme.on_accent if on else self.theme.text}; background: transparent;"
        )

    def _height(self, words: str) -> int:
        lines = 1 + len(words) // 42
        return int(self.theme.px(18) * lines + self.theme.px(16))

    def _cloze(self, text: str) -> None:
        self.combos: dict[str, QComboBox] = {}
        sentence = Flow(int(self.theme.px(5)))
        blanks = {blank.id: blank for blank in self.question.ask.blanks}
        for words, key in present.cloze_parts(" ".join(text.split()), list(blanks)):
            for word in words.replace("**", "").split():
                sentence.add(QLabel(word))
            if key:
                combo = QComboBox()
                combo.addItem("choose …")
                combo.addItems(blanks[key].options)
                combo.setObjectName(f"blank_{key}")
                combo.setAccessibleName(f"Gap: {words.strip()}")
                if self.given and self.given.blanks.get(key) in blanks[key].options:
                    combo.setCurrentText(self.given.blanks[key])
                self.combos[key] = combo
                sentence.add(combo)
        self.box.addWidget(sentence)

    def _text(self) -> None:
        self.words = QPlainTextEdit(self.given.text if self.given else "")
        self.words.setObjectName("own_words")
        self.words.setAccessibleName("Your own words")
        self.words.setTabChangesFocus(True)
        self.words.setPlaceholderText("In your own words; nobody grades this.")
        self.words.setFixedHeight(int(self.theme.px(84)))
        self.box.addWidget(self.words)

    def _sureness(self) -> None:
        row = QHBoxLayout()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(1, 5)
        self.slider.setValue(self.given.confidence if self.given and self.given.confidence else 3)
        self.slider.setObjectName("confidence")
        self.slider.setAccessibleName("How sure are you?")
        shown = QLabel(CONFIDENCE[self.slider.value() - 1])
        shown.setMinimumWidth(int(self.theme.px(86)))
        self.slider.valueChanged.connect(lambda v: shown.setText(CONFIDENCE[v - 1]))
        row.addWidget(QLabel("How sure?"))
        row.addWidget(self.slider, 1)
        row.addWidget(shown)
        self.box.addLayout(row)
        self.reason = QLineEdit(self.given.reason if self.given else "")
        self.reason.setPlaceholderText("Why do you think so? (one line, optional)")
        self.reason.setObjectName("reason")
        self.reason.setAccessibleName("Why do you think so?")
        self.box.addWidget(self.reason)

    def _commit(self) -> None:
        from tdxviz.session.lessons.answers import Answer

        kind = self.question.ask.type
        if kind == "choice":
            keys = list(self.question.options)
            chosen = self.group.checkedId()
            sure = self.slider.value() if hasattr(self, "slider") else 0
            why = self.reason.text() if hasattr(self, "reason") else ""
            answer = Answer(choice=keys[chosen] if chosen >= 0 else "", confidence=sure, reason=why)
        elif kind == "cloze":
            answer = Answer(
                blanks={k: c.currentText() for k, c in self.combos.items() if c.currentIndex() > 0}
            )
        else:
            answer = Answer(text=self.words.toPlainText())
        self.answered.emit(answer)
