"""Attack cards: every attack, every variant, and what came of each in this story."""

from tdxviz.core.attacks.catalogue import attacks
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui.present import attacks as present


def test_every_variant_stands_on_its_attacks_card():
    cards = {card.id: card for card in present.cards(attacks(), Session("ci"))}
    for attack in attacks():
        assert [(w.id, w.title) for w in cards[attack.id].ways] == [(v.id, v.title) for v in attack.variants]
        assert cards[attack.id].results == ()
    assert sum(len(card.ways) for card in cards.values()) >= 17


def test_a_variants_verdict_is_its_own():
    session = Session("ci")
    session.act(Action("attack", {"id": "severed-remap:hkid-in-hpa"}))
    card = next(c for c in present.cards(attacks(), session) if c.id == "severed-remap")
    assert card.results == ()
    assert {w.id: w.results for w in card.ways if w.results} == {
        "severed-remap:hkid-in-hpa": (("ci", "BLOCKED", "shield"),)
    }


def test_a_filter_finds_variants_too():
    cards = present.cards(attacks(), Session("ci"))
    assert [card.id for card in cards if card.has(["syscall", "rsp"])] == [
        "drop-and-reaug-strict",
        "drop-and-reaug-naive",
    ]
    assert not any(card.has(["no such words"]) for card in cards)
