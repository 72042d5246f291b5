"""The questions of one lesson, the learner's answers, and what is said about them."""

from dataclasses import dataclass, field

from tdxviz.core.faults import TdxvizError
from tdxviz.session.lessons import answers as a
from tdxviz.session.lessons.answers import Answer
from tdxviz.session.lessons.format import Lesson
from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.model import Ask, Step


@dataclass(frozen=True)
class Question:
    """What to ask in a step: its own question, or one pulled from an earlier lesson."""

    ask: Ask
    text: str
    options: dict[str, str]
    """Option id -> words."""
    source: Lesson
    step: Step
    """The step of ``source`` that holds the question."""


@dataclass(frozen=True)
class Reply:
    """What is said to an answer. ``correct`` is None where nobody can tell yet."""

    correct: bool | None
    text: str
    surprised: bool = False
    """A confident prediction turned out wrong."""


NOTED = Reply(None, "Noted. Now let the machine answer.")
NOT_QUITE = "Not quite. Look at what happened once more and change a word."


@dataclass
class Quiz:
    lesson: Lesson
    library: Library
    answers: dict[str, Answer] = field(default_factory=dict)
    """By step id."""

    def question(self, step: Step) -> Question | None:
        """Raises TdxvizError when the lesson to pull from does not exist."""
        if step.ask is not None:
            return self._make(self.lesson, step)
        if step.pull is None:
            return None
        source = self.library.find(step.pull.from_)
        asked = source.questions
        if not 1 <= step.pull.n <= len(asked):
            raise TdxvizError(f"lesson {source.id!r} has no question {step.pull.n}")
        return self._make(source, asked[step.pull.n - 1])

    def _make(self, lesson: Lesson, step: Step) -> Question:
        assert step.ask is not None
        return Question(step.ask, lesson.text(step), lesson.option_texts(step), lesson, step)

    def must_ask(self, step: Step) -> Question:
        question = self.question(step)
        if question is None:
            raise TdxvizError("this step asks nothing")
        return question

    def take(self, step: Step, answer: Answer) -> None:
        """Raises TdxvizError when the answer does not belong to the question."""
        self.answers[step.id] = a.checked(self.must_ask(step).ask, answer)

    def is_answered(self, step: Step, wanted: str) -> bool:
        """``wanted``: ``any``, ``correct``, or an option's id."""
        answer, question = self.answers.get(step.id), self.question(step)
        if answer is None or question is None:
            return False
        if wanted == "correct":
            return a.is_correct(question.ask, answer) is not False
        return wanted in ("any", answer.choice)

    def reply(self, step: Step) -> Reply:
        """What there is to say about the answer, once the machine has spoken."""
        question, answer = self.question(step), self.answers.get(step.id)
        if question is None or answer is None:
            return Reply(None, "")
        correct = a.is_correct(question.ask, answer)
        text = question.source.feedback(question.step, answer.choice)
        if question.ask.type == "cloze" and not correct:
            text = NOT_QUITE
        return Reply(correct, text, correct is False and answer.confidence >= a.SURE)
