"""What an author may have forgotten. Findings are for people: where, what, what next."""

from collections.abc import Iterator
from dataclasses import dataclass

from tdxviz.core.faults import TdxvizError
from tdxviz.session.lessons import checks, headless, moves
from tdxviz.session.lessons.format import ANCHOR_LINK, Lesson
from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.model import PHASES, Step
from tdxviz.session.lessons.quiz import Quiz
from tdxviz.session.setup import prepared

LONGEST_LESSON = 15
MINUTES_PER_STEP = 3
"""A lesson that claims more minutes than this per step promises too much."""


@dataclass(frozen=True)
class Finding:
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def lint(lesson: Lesson, library: Library | None = None) -> list[Finding]:
    """Everything that is wrong, texts first; the worked solution is played last."""
    library = library or Library()
    found = [
        *_anchors(lesson),
        *_sections(lesson),
        *_timing(lesson),
        *(finding for step in lesson.steps for finding in _step(lesson, step, library)),
    ]
    return found or list(_solution(lesson, library))


def _anchors(lesson: Lesson) -> Iterator[Finding]:
    stage = lesson.front.world
    for name, anchor in lesson.front.anchors.items():
        try:
            moves.anchor_place(prepared(stage.mode, stage.seed, stage.scenario), anchor)
        except TdxvizError as error:
            yield Finding(f"anchors.{name}", str(error))
    for heading, text in lesson.sections.items():
        for name in ANCHOR_LINK.findall(text):
            if name not in lesson.front.anchors:
                yield Finding(f"# {heading}", f"[[{name}]] points at no anchor")


def _sections(lesson: Lesson) -> Iterator[Finding]:
    wanted = {step.id for step in lesson.steps} | {"hook"}
    wanted |= {f"hint.{hint}" for step in lesson.steps for hint in step.hints}
    questions = [(step, option) for step in lesson.questions for option in _options(step)]
    wanted |= {f"feedback.{step.id}.{option}" for step, option in questions}
    first = lesson.first_question
    wanted |= {f"feedback.{option}" for option in (_options(first) if first else ())}
    for heading in lesson.sections:
        if heading not in wanted:
            yield Finding(f"# {heading}", "no step, hint or option has this name")


def _options(step: Step) -> list[str]:
    return [option.id for option in step.ask.options] if step.ask else []


def _timing(lesson: Lesson) -> Iterator[Finding]:
    minutes = lesson.front.minutes
    if not 1 <= minutes <= LONGEST_LESSON:
        yield Finding("minutes", f"{minutes} must be 1..{LONGEST_LESSON}")
    if minutes > MINUTES_PER_STEP * len(lesson.steps):
        yield Finding("minutes", f"{minutes} are many for {len(lesson.steps)} steps")
    order = [PHASES.index(step.phase) for step in lesson.steps]
    if "predict" in [step.phase for step in lesson.steps] and order[0] > 1:
        yield Finding("steps", "a lesson begins with its hook or its prediction")
    if not lesson.steps:
        yield Finding("steps", "there are none")


def _step(lesson: Lesson, step: Step, library: Library) -> Iterator[Finding]:
    where = f"steps.{step.id}"
    if not lesson.sections.get(step.id, "").strip() and step.pull is None:
        yield Finding(where, f"has no text; add a heading '# {step.id}'")
    for hint in step.hints:
        if not lesson.sections.get(f"hint.{hint}", "").strip():
            yield Finding(where, f"hint {hint!r} has no text; add '# hint.{hint}'")
    if step.focus and step.focus.select and step.focus.select not in lesson.front.anchors:
        yield Finding(where, f"focus.select: there is no anchor {step.focus.select!r}")
    yield from _vocabulary(lesson, step, where)
    yield from _question(lesson, step, where, library)


def _vocabulary(lesson: Lesson, step: Step, where: str) -> Iterator[Finding]:
    """Checks and moves use known words only."""
    anchors = tuple(lesson.front.anchors)
    try:
        if step.check is not None:
            checks.parse(step.check, anchors, f"{where}.check")
        auto = step.auto if isinstance(step.auto, list) else [step.auto] if step.auto else []
        for move in auto:
            moves.check_move(move)
        for name in step.allow:
            moves.check_move({"do": name})
    except TdxvizError as error:
        yield Finding(where, str(error))
    if step.check is not None and step.auto is None and step.ask is None:
        yield Finding(where, "has a check but no 'auto' that shows how to fulfil it")


def _question(lesson: Lesson, step: Step, where: str, library: Library) -> Iterator[Finding]:
    if step.pull is not None:
        try:
            Quiz(lesson, library).question(step)
        except TdxvizError as error:
            yield Finding(where, str(error))
    if step.ask is None:
        return
    if step.ask.type == "choice":
        yield from _choice(lesson, step, where)
    text = lesson.text(step)
    for blank in step.ask.blanks:
        if f"{{{blank.id}}}" not in text:
            yield Finding(where, f"the text has no {{{blank.id}}} to fill in")
        if blank.answer not in blank.options:
            yield Finding(where, f"blank {blank.id!r}: the answer is not among its options")


def _choice(lesson: Lesson, step: Step, where: str) -> Iterator[Finding]:
    assert step.ask is not None
    texts = lesson.option_texts(step)
    if sum(option.correct for option in step.ask.options) != 1:
        yield Finding(where, "exactly one option must be correct")
    for option in step.ask.options:
        if option.id not in texts:
            yield Finding(where, f"option {option.id!r} has no text; add '- {option.id}: ...'")
        if not lesson.feedback(step, option.id) and not option.correct:
            yield Finding(where, f"wrong option {option.id!r} has no feedback")


def _solution(lesson: Lesson, library: Library) -> Iterator[Finding]:
    try:
        results = headless.play(lesson, library)
    except TdxvizError as error:
        yield Finding("steps", str(error))
        return
    for result in results:
        if result.problem:
            yield Finding(f"steps.{result.step}", result.problem)
