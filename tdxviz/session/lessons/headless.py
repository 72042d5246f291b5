"""Plays a lesson's worked solution and evaluates every check before and after."""

from dataclasses import dataclass

from tdxviz.core.faults import TdxvizError
from tdxviz.session.lessons.format import Lesson
from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.player import Player


@dataclass(frozen=True)
class StepResult:
    """``problem``: why the worked solution failed or the check is wrong; empty if all is well."""

    step: str
    before: bool
    after: bool
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.before and self.after and not self.problem


def play(lesson: Lesson, library: Library | None = None) -> list[StepResult]:
    """One result per step that has something to do; steps that are only read have none.

    Raises:
        TdxvizError: the lesson cannot even begin.
    """
    player = Player(lesson, library=library)
    results: list[StepResult] = []
    for position, step in enumerate(player.steps):
        player.go_to(position)
        if step.check is None and step.ask is None and step.pull is None:
            continue
        before = player.evaluate().holds
        problem = _try_solution(player)
        outcome = player.evaluate()
        if not problem and not outcome.holds:
            problem = f"after the worked solution still missing: {outcome.missing}"
        if before:
            problem = "the check holds before anything was done"
        results.append(StepResult(step.id, before, outcome.holds, problem))
    return results


def _try_solution(player: Player) -> str:
    try:
        player.show_me()
    except TdxvizError as error:
        return str(error)
    return ""
