"""Cards of who sees what: order, marks, colours."""

import pytest

from tdxviz.ui.present import eyes
from tests.ui import stage_samples as s


def test_four_cards_guest_first_and_only_the_guest_reads():
    cards = eyes.cards(s.FakeAsk(), s.HPA)
    assert [card.actor for card in cards] == ["td-a", "host", "device", "probe"]
    assert [card.mark for card in cards] == ["✔ readable"] + ["✕ not readable"] * 3
    assert [card.kind for card in cards] == ["readable", "zeros", "zeros", "noise"]
    assert cards[0].role == "good"


def test_in_the_legacy_world_everybody_reads_the_same_picture():
    cards = eyes.cards(s.FakeAsk("legacy"), s.HPA)
    assert len({card.picture for card in cards}) == 1
    assert [card.role for card in cards] == ["good", "bad", "bad", "bad"]


def test_a_second_guest_is_a_fifth_card():
    ask = s.FakeAsk()
    ask.actors = lambda: ("td-a", "td-b", "host", "device", "probe")
    cards = eyes.cards(ask, s.HPA)
    assert [card.actor for card in cards] == ["td-a", "host", "device", "probe", "td-b"]
    assert cards[-1].picture is None
    assert eyes.bytes_text(cards[-1], 4) == "·· ·· ·· ··"


def test_poison_is_shown_as_question_marks():
    card = eyes.Card("td-a", "TD-A", "td_a", bytes(4096), bytes(64), "poison", "", "✕ not readable", "bad")
    assert eyes.bytes_text(card, 3) == "?? ?? ??"


def test_256_opaque_colours_begin_with_the_guests_own():
    table = eyes.colours((0x112233, 0x445566))
    assert len(table) == 256
    assert table[:2] == (0xFF112233, 0xFF445566)
    assert all(colour >> 24 == 0xFF for colour in table)
    assert len(set(table)) > 200


def test_describe_names_every_card():
    words = eyes.describe(eyes.cards(s.FakeAsk(), s.HPA), s.HPA)
    for title in ("TD-A", "Host software", "Device (DMA)", "Probe on the bus"):
        assert title in words


@pytest.mark.parametrize("size", [4, 8, 16])
def test_bytes_are_as_many_as_asked_for(size):
    card = eyes.cards(s.FakeAsk(), s.HPA)[0]
    assert len(eyes.bytes_text(card, size).split()) == size
