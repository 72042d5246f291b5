"""Every lesson gets a demo that its own parser understands."""

import pytest

from tdxviz.session.actions import Action
from tdxviz.session.lessons.library import Library
from tdxviz.session.session import Session
from tdxviz.ui.record_cues import parse
from tdxviz.ui.record_plan import LONGEST_CAPTION, first_words, of_lesson, of_script, quoted


@pytest.mark.parametrize("lesson", Library().lessons, ids=lambda lesson: lesson.id)
def test_the_demo_of_a_lesson_shows_every_step(lesson) -> None:
    made = parse(of_lesson(lesson, lesson.id))
    assert [cue.what[0] for cue in made.cues if cue.verb == "step"] == [step.id for step in lesson.steps]
    captions = [cue.what[0] for cue in made.cues if cue.verb == "caption"]
    assert all(0 < len(text) <= LONGEST_CAPTION for text in captions)
    assert not any(mark in text for text in captions for mark in ("**", "[[", "{"))


def test_the_demo_of_a_script_walks_through_every_action() -> None:
    session = Session("ci")
    session.act(Action("host.read", {"at": "password"}))
    session.act(Action("attack", {"id": "host-read-keyid0"}))
    made = parse(of_script("a b.tdxs", session.entries))
    assert (made.kind, made.source) == ("script", "a b.tdxs")
    walks = [cue.what[0] for cue in made.cues if cue.verb == "go"]
    assert walks == ["0", *(str(entry.end_event) for entry in session.entries)]
    assert [cue.verb for cue in made.cues].count("banner") == 1


def test_words_lose_their_markup_and_keep_whole_sentences() -> None:
    assert first_words("Read `TDX_FATAL`: **now**.\nThe [[secret]] is {how}.") == (
        "Read TDX_FATAL: now. The secret is …."
    )
    long = "A sentence of some length stands here. " * 9
    assert first_words(long).endswith("here.")
    assert len(first_words("x" * 400)) <= LONGEST_CAPTION


def test_quotes_and_backslashes_survive_the_way_there_and_back() -> None:
    text = 'say "hi" \\ there'
    made = parse("tdxrec 1\nlesson a caption " + quoted(text) + " hold 1s")
    assert made.cues[0].what == (text,)
