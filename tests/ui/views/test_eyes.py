"""Four cards painted from real machines."""

import pytest
from PySide6.QtCore import Qt

from tdxviz.ui.panel import Hit
from tdxviz.ui.theme import LIGHT, THEMES
from tdxviz.ui.views.eyes import EyesPanel
from tests.ui import stage_kit as kit


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("size", [(900, 110), (900, 150), (1900, 300)])
def test_paints_and_changes_nothing(qapp, theme, size):
    bridge = kit.bridge()
    before = bridge.moment.machine.fingerprint()
    panel = kit.shown(EyesPanel, bridge, theme, size)
    image = kit.painted(panel)
    assert len({image.pixel(x, size[1] // 2) for x in range(0, size[0], 3)}) > 5
    assert bridge.moment.machine.fingerprint() == before


def test_only_the_guest_reads_its_picture(qapp):
    cards = kit.shown(EyesPanel, kit.bridge(), LIGHT, (900, 150)).cards()
    marks = {card.actor: card.mark for card in cards}
    assert marks["td-a"] == "✔ readable"
    assert {marks["host"], marks["device"], marks["probe"]} == {"✕ not readable"}
    assert len(set(cards[0].picture)) > 4
    assert len(set(cards[3].picture)) > 200
    assert not any(cards[1].picture)


def test_in_the_legacy_world_host_and_device_read_it_too(qapp):
    cards = kit.shown(EyesPanel, kit.bridge("legacy"), LIGHT, (900, 150)).cards()
    assert cards[0].picture == cards[1].picture == cards[2].picture
    assert cards[1].role == "bad"


def test_the_chosen_line_is_the_one_whose_bytes_are_shown(qapp):
    bridge = kit.bridge()
    panel = kit.shown(EyesPanel, bridge, LIGHT, (900, 150))
    assert panel.cards()[0].first.startswith(b"my password")
    bridge.select(type(bridge.session.focus)(hpa=0x414000))
    assert panel.cards()[0].first == panel.cards()[0].picture[:64]
    bridge.select(type(bridge.session.focus)())


def test_a_card_opens_the_line(qapp):
    bridge = kit.bridge()
    panel = kit.shown(EyesPanel, bridge, LIGHT, (900, 150))
    kit.painted(panel)
    opened = []
    bridge.view_wanted.connect(opened.append)
    panel.activate(Hit(*panel.hits[0]))
    assert opened == ["line"]
    assert len(panel.hits) == 8  # and the picture of each


def test_a_click_on_a_picture_chooses_its_page(qtbot):
    bridge = kit.bridge()
    panel = kit.shown(EyesPanel, bridge, LIGHT, (900, 150))
    qtbot.addWidget(panel)
    kit.painted(panel)
    hits = [Hit(*hit) for hit in panel.hits]
    picture = next(hit for hit in hits if "the picture" in hit.tooltip)
    qtbot.mouseClick(panel, Qt.MouseButton.LeftButton, pos=picture.rect.center().toPoint())
    assert bridge.moment.focus.hpa == 0x414000
    bridge.select(type(bridge.session.focus)())


def test_cards_do_not_overlap(qapp):
    panel = kit.shown(EyesPanel, kit.bridge(), LIGHT.scaled(2.0), (1200, 200))
    rects = panel.card_rects()
    assert all(not a.intersects(b) for n, a in enumerate(rects) for b in rects[n + 1 :])


def test_describe(qapp):
    words = kit.shown(EyesPanel, kit.bridge(), LIGHT, (900, 150)).describe()
    assert "Host software: not readable" in words
    assert "TD-A: readable" in words
