"""Plays one lesson on a session: one step at a time, evidence before progress."""

import contextlib
from typing import Any, cast

from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.units import Hpa, World
from tdxviz.session.actions import Action
from tdxviz.session.lessons import answers as a
from tdxviz.session.lessons import checks, moves
from tdxviz.session.lessons.answers import Answer
from tdxviz.session.lessons.checks import Outcome
from tdxviz.session.lessons.evidence import Evidence
from tdxviz.session.lessons.facts import Reporter
from tdxviz.session.lessons.format import Lesson
from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.model import Step
from tdxviz.session.lessons.progress import LessonProgress, Progress
from tdxviz.session.lessons.quiz import NOTED, Question, Quiz, Reply
from tdxviz.session.session import Session
from tdxviz.session.setup import prepared
from tdxviz.session.timeline import Entry, Timeline

READING = Outcome(True)
DOING = ("observe", "contrast")
"""Phases that change the machine."""
KNOWS_THE_RESULT = ("contrast", "explain", "recall")
"""Phases in which the prediction may be talked about."""


class Player:
    """``session`` is made from the lesson's ``world`` unless one is given.

    Everything the learner does goes through the session; the player listens to it. A step that
    has been completed stays complete, whatever the learner tries afterwards.
    """

    def __init__(
        self,
        lesson: Lesson,
        session: Session | None = None,
        progress: Progress | None = None,
        library: Library | None = None,
    ) -> None:
        stage = lesson.front.world
        self.lesson = lesson
        self.session = session or Session(stage.mode, stage.seed, stage.scenario)
        self.progress = progress or Progress()
        self.quiz = Quiz(lesson, library or Library())
        self.position = 0
        self.finished: dict[str, Outcome] = {}
        """Step id -> the outcome that completed it."""
        self.hints_given: dict[str, int] = {}
        base = prepared(stage.mode, stage.seed, stage.scenario)
        places = {name: moves.anchor_place(base, one) for name, one in lesson.front.anchors.items()}
        self.evidence = Evidence(places, self._machine, base, self._answered)
        self._checks = {
            step.id: checks.parse(step.check, tuple(places), f"steps.{step.id}.check")
            for step in self.steps
            if step.check is not None
        }
        self._contrasted: set[str] = set()
        self.session.listeners.append(self._heard)
        self._begin()

    # --- where we are ---------------------------------------------------------------------

    @property
    def steps(self) -> list[Step]:
        return self.lesson.steps

    @property
    def step(self) -> Step:
        return self.steps[self.position]

    @property
    def text(self) -> str:
        """The step's prose, Markdown; ``[[name]]`` points at an anchor."""
        return self.lesson.text(self.step)

    @property
    def layout(self) -> str:
        return self.step.layout or self.lesson.front.layout

    @property
    def is_last(self) -> bool:
        return self.position == len(self.steps) - 1

    @property
    def is_complete(self) -> bool:
        return all(step.id in self.finished for step in self.steps)

    def next(self) -> bool:
        """On to the next step if this one is complete; False otherwise and at the end."""
        if not self.check().holds or self.is_last:
            self._settle()
            return False
        self._settle()
        self.go_to(self.position + 1)
        return True

    def go_to(self, position: int) -> None:
        """To any step; it starts without evidence."""
        self.position = min(max(position, 0), len(self.steps) - 1)
        self._begin()

    def take_up(self) -> None:
        """What the learner answered and completed before the app was closed. Answers that no longer
        belong to the lesson are dropped."""
        known = self.progress.of(self.lesson.id)
        for step in self.steps:
            if step.id in known.answers and step.ask is not None:
                with contextlib.suppress(TdxvizError):
                    self.quiz.take(step, known.answers[step.id])
            if step.id in known.done:
                self.finished.setdefault(step.id, Outcome(True))

    def _begin(self) -> None:
        """Evidence must be newer than this moment."""
        self.evidence.forget()
        self._contrasted.clear()
        wanted = self.lesson.front.world.mode
        if self.step.world is None and self.session.world != wanted:
            self.session.switch_world(wanted)
        if self.step.fresh and self.session.index:
            self.session.go_to(0)
        if self.step.compare is None:
            self.session.set_compare(None)
        self._began = self.session.world, self.session.branch, self.session.index
        self._remember()

    def restart_step(self) -> None:
        """Back to the machine as it was when the step began, to try again."""
        world, branch, index = self._began
        self.session.switch_world(world)
        self.session.switch_branch(branch)
        self.session.go_to(index)
        self._begin()

    def jump_ahead(self, position: int) -> None:
        """To a later step, with everything done that the steps before it ask for."""
        for number in range(self.position, min(position, len(self.steps) - 1)):
            self.go_to(number)
            if self.step.id not in self.finished and self.step.phase in DOING:
                self.show_me()
        self.go_to(position)

    def close(self) -> None:
        """Stop listening: the session goes on as free play."""
        if self._heard in self.session.listeners:
            self.session.listeners.remove(self._heard)

    # --- what happens ---------------------------------------------------------------------

    def _heard(self, entry: Entry, timeline: Timeline) -> None:
        self._take_in(entry, timeline)
        self._settle()

    def _take_in(self, entry: Entry, timeline: Timeline) -> None:
        reporter = Reporter(timeline.machine.world)
        events = timeline.events[entry.first_event : entry.end_event]
        self.evidence.facts += reporter.report(events, entry.first_event)
        if entry.verdict is not None:
            v = entry.verdict
            self.evidence.verdicts.append(
                {"word": v.word, "class": v.outcome, "attack": v.attack, "world": v.world}
            )

    def select(self, anchor: str) -> None:
        """The learner clicked on something that has a name in the lesson."""
        self.evidence.selected.add(anchor)
        self._settle()

    def choose(self, hpa: Hpa) -> None:
        """The learner pointed at a place in any view; every name that the lesson has for it counts."""
        for name, (first, size) in self.evidence.places.items():
            if first <= hpa < first + size:
                self.select(name)

    @property
    def contrast_world(self) -> World | None:
        """The other world of this step, None if it has none."""
        return self.step.world or self.step.compare

    def contrast(self) -> None:
        """Play the same actions in the step's other world: beside this one, or instead of it."""
        world = self.contrast_world
        if world is None:
            raise TdxvizError("this step has no other world to compare with")
        if self.step.world is not None:
            self.session.switch_world(world)
        else:
            self.session.set_compare(world)
        self._contrasted.add(world)
        timeline = self.session.branches[self.session.branch].timeline(world)
        for entry in timeline.entries:
            self._take_in(entry, timeline)
        self._settle()

    def act(self, move: dict[str, Any]) -> None:
        """One move of the lesson's vocabulary. Raises TdxvizError."""
        name = moves.check_move(move)
        if name == "contrast":
            self.contrast()
        elif name == "select":
            self.select(str(move.get("target", "")))
        elif name == "answer":
            self.answer(a.from_move(self.quiz.must_ask(self.step).ask, move))
        else:
            self.session.act(moves.action_of(move, self.evidence.places))

    def show_me(self) -> None:
        """Do what the step asks for, as its author would."""
        for move in self.worked_solution():
            self.act(move)

    def worked_solution(self) -> list[dict[str, Any]]:
        auto = self.step.auto
        if auto is None:
            return [{"do": "answer"}] if self.step.ask or self.step.pull else []
        return auto if isinstance(auto, list) else [auto]

    def refusal(self, action: Action | str) -> str:
        """Why an action is greyed in this step; empty if it is open."""
        name = action.name if isinstance(action, Action) else action
        allowed = {moves.MOVES[move].action for move in self.step.allow if move in moves.MOVES}
        if not self.step.allow or name in allowed:
            return ""
        return "This step needs something else; try it in free play."

    # --- checking -------------------------------------------------------------------------

    def check(self) -> Outcome:
        """Is the step complete, which events made it so, or what is missing?"""
        return self.finished.get(self.step.id) or self.evaluate()

    def evaluate(self) -> Outcome:
        """The check itself, whatever came of it before."""
        check = self._checks.get(self.step.id)
        if check is not None:
            return check(self.evidence)
        if self.step.ask is None and self.step.pull is None:
            return READING
        graded = self.step.ask is not None and self.step.ask.type == "cloze"
        wanted = "correct" if graded else "any"
        return Outcome(self.quiz.is_answered(self.step, wanted), (), "an answer")

    def _settle(self) -> None:
        if self.step.id not in self.finished:
            outcome = self.evaluate()
            if outcome.holds:
                self.finished[self.step.id] = outcome
                self._remember()

    # --- questions ------------------------------------------------------------------------

    @property
    def question(self) -> Question | None:
        return self.quiz.question(self.step)

    def answer(self, answer: Answer) -> Reply:
        """Commit to an answer. A prediction is only noted: the machine will tell.

        Raises:
            TdxvizError: the answer does not belong to the question.
        """
        self.quiz.take(self.step, answer)
        self._settle()
        self._remember()
        return NOTED if self.step.phase == "predict" else self.quiz.reply(self.step)

    @property
    def prediction(self) -> Reply | None:
        """ "Surprised?": what to say about the prediction; None before the contrast phase."""
        asked = next((s for s in self.steps if s.phase == "predict" and s.ask), None)
        if asked is None or self.step.phase not in KNOWS_THE_RESULT:
            return None
        return self.quiz.reply(asked) if asked.id in self.quiz.answers else None

    def hint(self) -> str:
        """The next of the step's hints, from gentle to plain; the last one again at the end."""
        hints = self.step.hints
        if not hints:
            return ""
        given = min(self.hints_given.get(self.step.id, 0) + 1, len(hints))
        self.hints_given[self.step.id] = given
        return self.lesson.sections.get(f"hint.{hints[given - 1]}", "")

    def truth(self) -> str:
        """ "How true is this?", Markdown."""
        truth = self.lesson.front.truth
        parts = [truth.simplified]
        if truth.models:
            parts.append("Modelled: " + ", ".join(truth.models) + ".")
        if truth.sources:
            parts.append("Sources: " + "; ".join(truth.sources) + ".")
        return "\n\n".join(filter(None, parts))

    # --- outside --------------------------------------------------------------------------

    def _answered(self, step: str, wanted: str) -> bool:
        found = next((one for one in self.steps if one.id == step), self.step)
        return self.quiz.is_answered(found, wanted)

    def _machine(self, world: str) -> Machine | None:
        if world in ("", self.session.world):
            return self.session.machine
        if world not in self._contrasted:
            return None
        branch = self.session.branches[self.session.branch]
        return branch.timeline(cast(World, world)).machine

    @property
    def changed_mind(self) -> bool:
        """The prediction was wrong, and yet the explanation is right."""
        asked = [step for step in self.steps if step.phase == "predict" and step.ask]
        said = [step for step in self.steps if step.ask and step.ask.type == "cloze"]
        wrong = any(self.quiz.reply(step).correct is False for step in asked)
        return wrong and any(self.quiz.reply(step).correct for step in said)

    def _remember(self) -> None:
        done = [step.id for step in self.steps if step.id in self.finished]
        answers = dict(self.quiz.answers)
        now = LessonProgress(self.step.id, done, self.is_complete, self.changed_mind, answers)
        self.progress.note(self.lesson.id, now)
