"""The lesson panel's words."""

from hypothesis import given
from hypothesis import strategies as st

from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.player import Player
from tdxviz.ui.glossary import GLOSSARY
from tdxviz.ui.present.lesson import body, cloze_parts, move_buttons, terms, with_anchors


def test_glossary_terms_come_in_the_order_of_the_text() -> None:
    assert terms("The MAC of a line, its owner bit, and a TD.", GLOSSARY) == ["MAC", "Owner bit", "TD"]


def test_parts_of_words_are_not_terms() -> None:
    assert terms("A machine, macros and a td-like thing", GLOSSARY) == []


@given(st.text())
def test_terms_are_known_and_few(text: str) -> None:
    found = terms(text, GLOSSARY)
    assert len(found) == len(set(found)) <= 4
    assert set(found) <= set(GLOSSARY)


def test_anchors_become_links() -> None:
    assert with_anchors("see [[secret]] now") == "see [secret](anchor:secret) now"


def test_options_are_not_told_twice() -> None:
    assert body("Which?\n- a: one\n- b: two", {"a": "one", "b": "two"}) == "Which?"


@given(st.lists(st.sampled_from(["x", "y", "words "]), max_size=8))
def test_a_sentence_with_gaps_can_be_put_together_again(pieces: list[str]) -> None:
    text = "".join("{" + p + "}" if p in "xy" else p for p in pieces)
    parts = cloze_parts(text, ["x", "y"])
    assert "".join(words + ("{" + key + "}" if key else "") for words, key in parts) == text


def buttons(lesson: str, step: str) -> list[str]:
    player = Player(Library().locate(lesson))
    player.go_to([one.id for one in player.steps].index(step))
    return [one.words for one in move_buttons(player)]


def test_every_move_of_a_solution_has_a_button_aimed_as_its_author_wants() -> None:
    assert buttons("branch-predictor", "train") == [
        "Run the guest until served", "Enter the guest for 200 instructions",
        "Host trains branch → gadget",
    ]  # fmt: skip
    assert buttons("branch-predictor", "switch") == [
        "Enter the guest for 200 instructions", "Enter vCPU 1 for 1 instruction",
        "Interrupt the guest",
    ]  # fmt: skip
    assert buttons("stepping", "write")[-1] == "Host writes the guest's RIP"


def test_where_a_lesson_starts_anew_the_other_world_comes_last_and_nothing_twice() -> None:
    found = buttons("branch-predictor", "contrast")
    assert found[-1] == "Same actions, legacy VM" and len(set(found)) == len(found)
    assert "Host flushes 256 lines" in found and "Host times 256 lines" in found
    assert buttons("td-exit", "contrast")[0] == "Same actions, legacy VM"
