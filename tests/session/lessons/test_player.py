import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.session.actions import Action
from tdxviz.session.lessons.answers import Answer
from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.player import Player
from tdxviz.session.lessons.progress import LessonProgress, Progress

LIBRARY = Library()
STORE = Action("host.write", {"at": "password"})


@pytest.fixture
def player():
    return Player(LIBRARY.find("host-writes"), library=LIBRARY)


def position(player: Player, step: str) -> int:
    return [one.id for one in player.steps].index(step)


def test_a_step_that_is_only_read_lets_you_on(player):
    assert player.step.phase == "hook"
    assert player.next() and player.step.id == "predict"
    assert not player.next()


def test_a_prediction_is_noted_and_talked_about_after_the_evidence(player):
    player.next()
    reply = player.answer(Answer(choice="a", confidence=5, reason="CPUs block things"))
    assert reply.correct is None and "Noted" in reply.text
    assert player.prediction is None
    player.jump_ahead(position(player, "explain"))
    surprise = player.prediction
    assert surprise is not None
    assert surprise.correct is False and surprise.surprised
    assert "accepted" in surprise.text


def test_answers_that_do_not_belong_are_told(player):
    player.next()
    with pytest.raises(TdxvizError, match="no option 'z'"):
        player.answer(Answer(choice="z"))
    with pytest.raises(TdxvizError, match="confidence"):
        player.answer(Answer(choice="a", confidence=9))
    player.go_to(0)
    with pytest.raises(TdxvizError, match="asks nothing"):
        player.answer(Answer(choice="a"))


def test_evidence_must_be_newer_than_the_step(player):
    player.session.act(STORE)
    player.go_to(position(player, "attack"))
    outcome = player.check()
    assert not outcome.holds and "the host overwrites" in outcome.missing
    player.session.act(STORE)
    assert player.check().holds
    numbers = player.check().numbers
    assert numbers and all(player.session.lane(n) == "host" for n in numbers)


def test_a_completed_step_stays_complete(player):
    player.go_to(position(player, "attack"))
    player.session.act(STORE)
    player.session.act(Action("touch", {"at": "password"}))
    assert player.check().holds
    assert not player.evaluate().holds


def test_only_the_moves_of_the_step_are_open(player):
    player.go_to(position(player, "attack"))
    assert player.refusal(STORE) == ""
    assert player.refusal("probe.flip")
    player.go_to(0)
    assert player.refusal("probe.flip") == ""


def test_hints_come_one_by_one(player):
    player.go_to(position(player, "attack"))
    hints = [player.hint() for _ in range(4)]
    assert all(hints) and len(set(hints)) == 3 and hints[2] == hints[3]
    player.go_to(0)
    assert player.hint() == ""


def test_the_contrast_is_played_in_the_other_world(player):
    player.jump_ahead(position(player, "contrast"))
    assert not player.check().holds
    assert player.contrast_world == "legacy"
    player.contrast()
    assert player.check().holds
    assert player.session.moment.compare is not None
    assert player.session.world == "ci"
    player.next()
    assert player.session.moment.compare is None
    with pytest.raises(TdxvizError, match="no other world"):
        player.contrast()


def test_a_step_in_another_world_switches_and_comes_back():
    player = Player(LIBRARY.find("cache-line"), library=LIBRARY)
    player.jump_ahead(position(player, "li"))
    assert player.session.world == "ci"
    before = player.session.machine.fingerprint()
    player.show_me()
    player.restart_step()
    assert player.session.machine.fingerprint() == before
    player.show_me()
    assert player.session.world == "li" and player.check().holds
    player.next()
    assert player.session.world == "ci"


def test_a_step_can_be_started_again(player):
    player.jump_ahead(position(player, "notice"))
    before = player.session.machine.fingerprint()
    player.show_me()
    assert player.session.machine.fingerprint() != before
    player.restart_step()
    assert player.session.machine.fingerprint() == before
    assert player.step.id == "notice"


def test_a_sentence_must_be_right_to_go_on(player):
    player.jump_ahead(position(player, "explain"))
    wrong = {"how": "prevented", "when": "when the TD reads", "price": "availability"}
    reply = player.answer(Answer(blanks=wrong))
    assert reply.correct is False and "Not quite" in reply.text
    assert not player.next()
    assert not player.changed_mind
    assert player.answer(Answer(blanks={**wrong, "how": "detected"})).correct
    player.quiz.answers["predict"] = Answer(choice="a")
    assert player.changed_mind
    assert player.next()


def test_a_question_is_pulled_from_an_earlier_lesson(player):
    player.jump_ahead(position(player, "recall"))
    question = player.question
    assert question is not None and question.source.id == "cache-line"
    assert "lines" in question.text and set(question.options) == {"a", "b", "c", "d"}
    assert player.answer(Answer(choice="c")).correct is False
    assert player.is_last and not player.next()


def test_progress_is_kept_and_a_lesson_can_be_completed(tmp_path):
    progress = Progress(tmp_path)
    player = Player(LIBRARY.find("host-writes"), progress=progress, library=LIBRARY)
    while not player.is_last:
        player.show_me()
        assert player.next()
    player.show_me()
    assert player.is_complete
    known = Progress(tmp_path).of("host-writes")
    assert known.complete and known.answers["predict"].choice == "c"


def test_closing_ends_the_listening(player):
    player.go_to(position(player, "attack"))
    player.close()
    player.close()
    player.session.act(STORE)
    assert not player.check().holds


def test_how_true_is_this(player):
    text = player.truth()
    assert "erratum" in text and "Modelled:" in text and "Sources:" in text


def test_a_fresh_step_begins_with_the_machine_as_the_lesson_found_it():
    import msgspec

    lesson = LIBRARY.find("host-writes")
    steps = [msgspec.structs.replace(step, fresh=step.id == "again") for step in lesson.front.steps]
    again = type(lesson)(msgspec.structs.replace(lesson.front, steps=steps), lesson.sections, lesson.path)
    player = Player(again, library=LIBRARY)
    player.jump_ahead(position(player, "again"))
    assert player.session.index == 0
    assert len(player.session.entries) > 0  # what was done is kept
    player.act({"do": "td.run", "td": "A", "steps": 1})
    assert len(player.session.branches) == 2


def test_answers_and_steps_of_another_day_are_taken_up(tmp_path):
    progress = Progress(tmp_path)
    lesson = LIBRARY.find("who-reads")
    first = Player(lesson, progress=progress)
    first.next()
    first.answer(Answer(choice="b", confidence=4))
    first.next()
    first.close()
    second = Player(lesson, progress=Progress(tmp_path))
    assert second.quiz.answers == {}
    second.take_up()
    assert second.quiz.answers["predict"].choice == "b"
    assert set(second.finished) == {"hook", "predict"}


def test_answers_that_do_not_belong_any_more_are_dropped(tmp_path):
    progress = Progress(tmp_path)
    progress.note("who-reads", LessonProgress(step="host", answers={"predict": Answer(choice="z")}))
    player = Player(LIBRARY.find("who-reads"), progress=progress)
    player.take_up()
    assert player.quiz.answers == {}
