"""Every lesson is its own test: its solution must work, and nothing may be missing."""

import pytest

from tdxviz.session.lessons import headless
from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.lint import lint

LIBRARY = Library()


@pytest.mark.parametrize("lesson", LIBRARY.lessons, ids=lambda lesson: lesson.id)
def test_nothing_is_missing_and_the_solution_works(lesson):
    assert [str(finding) for finding in lint(lesson, LIBRARY)] == []


@pytest.mark.parametrize("lesson", LIBRARY.lessons, ids=lambda lesson: lesson.id)
def test_every_phase_of_the_ritual_is_there(lesson):
    assert [step.phase for step in lesson.steps] == sorted(
        (step.phase for step in lesson.steps),
        key=["hook", "predict", "observe", "contrast", "explain", "recall"].index,
    )
    assert {step.phase for step in lesson.steps} == {
        "hook", "predict", "observe", "contrast", "explain", "recall",
    }  # fmt: skip


@pytest.mark.parametrize("lesson", LIBRARY.lessons, ids=lambda lesson: lesson.id)
def test_every_distractor_names_its_misconception(lesson):
    for step in lesson.questions:
        for option in step.ask.options:
            assert option.correct or option.misconception


@pytest.mark.parametrize("lesson", LIBRARY.lessons, ids=lambda lesson: lesson.id)
def test_a_different_seed_changes_nothing_about_the_lesson(lesson):
    import msgspec

    stage = msgspec.structs.replace(lesson.front.world, seed=11)
    front = msgspec.structs.replace(lesson.front, world=stage)
    other = type(lesson)(front, lesson.sections, lesson.path)
    assert all(result.passed for result in headless.play(other, LIBRARY))
