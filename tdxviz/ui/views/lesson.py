"""The lesson dock: one step at a time, usable with the keyboard alone."""

from typing import Any

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tdxviz.core.faults import TdxvizError
from tdxviz.ui.dialogs import WordsDialog
from tdxviz.ui.glossary import GLOSSARY
from tdxviz.ui.panel import Panel, in_low_window
from tdxviz.ui.present import lesson as present
from tdxviz.ui.views.lesson_parts import Prose, Segments
from tdxviz.ui.views.lesson_question import QuestionBox
from tdxviz.ui.widgets.flow import Flow

WIDE = 440
"""From this width at 100 % all buttons fit on one line."""


class LessonPanel(Panel):
    """``bridge.player`` is the lesson being played; None in the sandbox."""

    name = "lesson"
    title = "Lesson"
    tooltip = "Predict, act, observe, explain"

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self._shown: tuple[Any, ...] = ()
        self._hint = ""
        self._truth = False
        self._reply: Any = None
        self._at: tuple[str, int] = ("", -1)
        """Lesson and step for which the keyboard was put in place."""
        outer = QVBoxLayout(self)
        outer.setSpacing(0)
        self.outer = outer
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    @property
    def player(self) -> Any:
        return getattr(self.bridge, "player", None)

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(380)), int(self.theme.px(560)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(200)), int(self.theme.px(110)))

    def set_theme(self, theme: Any) -> None:
        super().set_theme(theme)
        self._shown = ()
        self.refresh()

    def show_moment(self, moment: Any) -> None:
        super().show_moment(moment)
        self.refresh()

    # --- building -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Rebuild only when something that is shown here has changed."""
        player = self.player
        if player is None:
            now: tuple[Any, ...] = ("none",)
        else:
            now = (
                player.lesson.id, player.position, tuple(player.finished), self._hint, self._truth,
                self._reply, player.session.world, self._low(),
            )  # fmt: skip
        if now == self._shown:
            return
        if len(self._shown) > 1 and now[:2] != self._shown[:2]:
            self._hint, self._truth, self._reply = "", False, None
        self._shown = now
        self._rebuild()

    def _low(self) -> bool:
        """Wide and low: all buttons on one line, to leave the room to the text."""
        return in_low_window(self, self.theme) and self.width() > self.theme.px(WIDE)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._shown:
            self.refresh()

    def _clear(self) -> None:
        while self.outer.count():
            item = self.outer.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.setParent(None)  # type: ignore[arg-type]  # Qt allows it; or its buttons would be found by name until it is deleted
                widget.deleteLater()

    def _rebuild(self) -> None:
        focused = self.focusWidget()
        had = focused.objectName() if focused is not None and self.isAncestorOf(focused) else ""
        self._clear()
        u = int(self.theme.px(1) * 14)
        self.outer.setContentsMargins(u, u // 2, u, u // 2)
        if self.player is None:
            self.outer.addWidget(self._label("No lesson is open. Choose one on the start page (Alt+Home)."))
            self.outer.addStretch(1)
            return
        self._head()
        area, inner = QScrollArea(), QWidget()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.box = QVBoxLayout(inner)
        self.box.setContentsMargins(0, u // 2, u // 2, 0)
        self.box.setSpacing(int(self.theme.px(8)))
        self._body()
        self.box.addStretch(1)
        area.setWidget(inner)
        self.outer.addWidget(area, 1)
        self._foot()
        self._take_focus(had)

    def _take_focus(self, had: str) -> None:
        """Keep the keyboard where it was; in a new step put it on the first thing to do, and on
        Continue when an answer or a move completed the step."""
        here = (self.player.lesson.id, self.player.position)
        fresh, self._at = here != self._at, here
        ahead = present.first_to_do(self.player)
        moved = had == "answer" or had.startswith("move_")
        wanted = had if had and not fresh and not (moved and ahead == "continue_step") else ahead
        found = self.findChild(QWidget, wanted)
        if found is not None and self.isVisible() and found.isEnabled() and (fresh or had):
            found.setFocus(Qt.FocusReason.TabFocusReason)

    def _label(self, text: str, role: str = "") -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _head(self) -> None:
        player, row = self.player, QHBoxLayout()
        title = self._label(player.lesson.front.title)
        title.setFont(self.theme.font(16, True))
        row.addWidget(title, 1)
        row.addWidget(self._label(f"{player.position + 1} / {len(player.steps)}", "secondary"))
        holder = QWidget()
        holder.setLayout(row)
        row.setContentsMargins(0, 0, 0, 4)
        self.outer.addWidget(holder)
        bars = Segments(self.theme)
        for number, step in enumerate(player.steps):
            state = "now" if number == player.position else "done" if step.id in player.finished else "open"
            bars.states.append(state)
        bars.setFixedHeight(int(self.theme.px(8)))
        self.outer.addWidget(bars)

    def _prose(self, text: str) -> Prose:
        prose = Prose(self.theme)
        prose.show_markdown(text, {term: GLOSSARY[term] for term in present.terms(text, GLOSSARY)})
        prose.anchorClicked.connect(self._anchor)
        return prose

    def _note(self, heading: str, text: str) -> None:
        frame, inner = QFrame(), QVBoxLayout()
        frame.setProperty("role", "note")
        frame.setAccessibleName(heading)
        head = self._label(heading)
        head.setFont(self.theme.font(14, True))
        inner.addWidget(head)
        inner.addWidget(self._prose(present.with_anchors(text)))
        frame.setLayout(inner)
        self.box.addWidget(frame)

    def _body(self) -> None:
        player = self.player
        question = player.question
        self.box.addWidget(self._label(present.PHASES[player.step.phase], "phase"))
        options = question.options if question else {}
        text = question.text if question and player.step.pull else player.text
        if question is None or question.ask.type != "cloze":
            self.box.addWidget(self._prose(present.body(text, options)))
        if question is not None:
            asked = QuestionBox(self.theme, question, text, player.quiz.answers.get(player.step.id))
            asked.answered.connect(self._answer)
            self.box.addWidget(asked)
        self._moves()
        if self._reply is not None and self._reply.text:
            heading = {True: "Yes.", False: "Not this time.", None: "Noted."}[self._reply.correct]
            self._note("Surprised?" if self._reply.surprised else heading, self._reply.text)
        elif player.prediction is not None and player.step.phase == "contrast":
            heading = "Surprised?" if player.prediction.surprised else "Your prediction"
            self._note(heading, player.prediction.text)
        if self._hint:
            given = player.hints_given.get(player.step.id, 1)
            self._note(f"Hint {given} of {len(player.step.hints)}", self._hint)
        if self._truth:
            self._note("How true is this?", player.truth())
        self._glossary(text)

    def _glossary(self, text: str) -> None:
        """The field's words that this step uses; a click or Enter explains one."""
        terms = present.terms(text, GLOSSARY)
        if not terms:
            return
        row = Flow(int(self.theme.px(2)))
        row.add(self._label("Glossary:", "secondary"))
        for term in terms:
            button = QPushButton(term)
            button.setObjectName(f"term_{term}")
            button.setProperty("flat", "true")
            button.setToolTip(GLOSSARY[term])
            button.setAccessibleName(f"Glossary: {term}")
            button.clicked.connect(lambda _=False, t=term: WordsDialog(self, t, GLOSSARY[t]).exec())
            row.add(button)
        self.box.addWidget(row)

    def _moves(self) -> None:
        player = self.player
        done = player.step.id in player.finished
        for number, move in enumerate(present.move_buttons(player)):
            button = QPushButton(move.words)
            button.setObjectName(f"move_{number}")
            button.setAccessibleName(move.words)
            button.setToolTip(move.words)
            button.setSizePolicy(
                QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
            )  # never wider than the text
            if number == 0 and not done:
                button.setProperty("primary", "true")
            button.clicked.connect(lambda _=False, m=move: self._do(m))
            self.box.addWidget(button)
        if player.step.phase in ("observe", "contrast") and player.step.check is not None:
            outcome = player.check()
            words = "✔ Done: the machine did it." if outcome.holds else f"▸ Still to see: {outcome.missing}"
            self.box.addWidget(self._label(words, "good" if outcome.holds else "secondary"))

    def _foot(self) -> None:
        player, foot = self.player, QWidget()
        column, small, row = QVBoxLayout(foot), Flow(0), QHBoxLayout()
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(int(self.theme.px(4)))
        for name, words, act in (
            ("hint", "Hint", self._give_hint), ("show_me", "Show me", self._show_me),
            ("skip", "Skip", self._skip), ("truth", "How true is this?", self._toggle_truth),
        ):  # fmt: skip
            if name == "hint" and not player.step.hints:
                continue
            button = QPushButton(words)
            button.setObjectName(name)
            button.setProperty("flat", "true")
            button.clicked.connect(act)
            small.add(button)
        back = QPushButton("◀ Back")
        back.setObjectName("back_step")
        back.setEnabled(player.position > 0)
        back.clicked.connect(lambda: self._move_to(player.position - 1))
        row.addWidget(back)
        if self._low():
            row.addWidget(small, 1)
        else:
            column.addWidget(small)
            row.addStretch(1)
        last = player.is_last
        go = QPushButton("Finish ✔" if last else "Continue ▶")
        go.setObjectName("continue_step")
        go.setProperty("primary", "true" if player.check().holds else "false")
        go.setEnabled(player.check().holds)
        go.clicked.connect(self._continue)
        row.addWidget(go)
        column.addLayout(row)
        self.outer.addWidget(foot)

    # --- doing ----------------------------------------------------------------------------

    def _try(self, act: Any) -> Any:
        try:
            return act()
        except TdxvizError as slip:
            self.bridge.slipped.emit(str(slip))
            return None
        finally:
            self.bridge.refresh()
            self.refresh()

    def _do(self, move: present.MoveButton) -> None:
        self._try(lambda: [self.player.act(one) for one in move.moves])

    def _answer(self, answer: Any) -> None:
        self._reply = self._try(lambda: self.player.answer(answer))
        self.refresh()

    def _anchor(self, url: QUrl) -> None:
        from tdxviz.session.moment import Focus

        name = url.path() or url.toString().partition(":")[2]
        if url.scheme() == "term" and name in GLOSSARY:
            WordsDialog(self, name, GLOSSARY[name]).exec()
            return
        place = self.player.evidence.places.get(name)
        if place is not None:
            self._try(lambda: self.bridge.select(Focus(hpa=place[0])))

    def _give_hint(self) -> None:
        self._hint = self.player.hint()
        self.refresh()

    def _toggle_truth(self) -> None:
        self._truth = not self._truth
        self.refresh()

    def _show_me(self) -> None:
        self._try(self.player.show_me)

    def _skip(self) -> None:
        if self.player.is_last:
            self.bridge.lesson_done()
            return
        self._try(lambda: self.player.jump_ahead(self.player.position + 1))
        self.bridge.step_changed()

    def _move_to(self, position: int) -> None:
        self._try(lambda: self.player.go_to(position))
        self.bridge.step_changed()

    def _continue(self) -> None:
        if self.player.is_last:
            self._try(self.player.next)
            self.bridge.lesson_done()
            return
        self._try(self.player.next)
        self.bridge.step_changed()

    def describe(self) -> str:
        player = self.player
        if player is None:
            return "No lesson is open."
        outcome = player.check()
        rest = (
            "The step is complete."
            if outcome.holds
            else f"Still to do: {outcome.missing or 'act or answer'}."
        )
        return (
            f"Lesson: {player.lesson.front.title}, step {player.position + 1} of {len(player.steps)}, "
            f"{player.step.phase}. {rest}"
        )
