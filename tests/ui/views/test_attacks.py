"""The attack cards: played with a click, and in both worlds with another one."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton

from tdxviz.core.attacks.catalogue import attacks
from tdxviz.ui.panel import Hit
from tdxviz.ui.studio import look, settle, studio

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def window():
    with studio(look("1280x720")) as found:
        yield found


@pytest.fixture
def made(window):
    """A fresh sandbox."""
    window.control.bridge.set_compare(None)
    window.control.sandbox()
    settle()
    return window


def click(qtbot, panel, name: str) -> None:
    button = panel.findChild(QPushButton, name)
    assert button is not None, name
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)
    settle()


def words(panel) -> list[str]:
    return [label.text() for label in panel.findChildren(QLabel)]


def test_one_click_plays_an_attack_in_both_worlds_and_shows_both_verdicts(made, qtbot) -> None:
    bridge, workspace = made.control.bridge, made.window.workspace
    click(qtbot, workspace.panel("attacks"), "contrast_host-read-keyid0")
    assert workspace.layout_name == "compare"
    compare = workspace.panels["compare"]
    assert compare.isVisible()
    assert (compare.left.side.word, compare.right.side.word) == ("SUCCEEDED", "NO GAIN")
    banner = workspace.panels["verdict"].banner()
    assert banner.word == "NO GAIN"
    assert banner.other == ("the legacy VM", "SUCCEEDED", "cross")
    assert "In the legacy VM: SUCCEEDED." in workspace.panels["verdict"].describe()
    assert {"Legacy: SUCCEEDED", "Ci: NO GAIN"} <= set(words(workspace.panels["attacks"]))
    assert [entry.action.name for entry in bridge.session.entries] == ["attack"]  # once, not twice


def test_the_banner_offers_the_other_world_for_the_attack_it_tells_of(made, qtbot) -> None:
    bridge, workspace = made.control.bridge, made.window.workspace
    attacks = workspace.panel("attacks")
    for name in ("play_host-read-keyid0", "play_bit-flip-ciphertext"):
        click(qtbot, attacks, name)
    bridge.go_to(bridge.session.entries[0].end_event)  # back at the first one
    panel = workspace.panels["verdict"]
    panel.grab()
    link = next(Hit(*hit) for hit in panel.hits if "Repeat this attack in the legacy VM" in Hit(*hit).tooltip)
    qtbot.mouseClick(panel, LEFT, pos=link.rect.center().toPoint())
    settle()
    assert bridge.moment.verdict.attack == "host-read-keyid0"
    assert workspace.panels["compare"].left.side.word == "SUCCEEDED"
    assert len(bridge.session.entries) == 2


def test_a_card_that_says_the_same_is_not_made_again(made, qtbot) -> None:
    attacks = made.window.workspace.panel("attacks")
    before = {name: frame for name, (_, frame) in attacks._frames.items()}
    click(qtbot, attacks, "play_host-read-keyid0")
    changed = {name for name, (_, frame) in attacks._frames.items() if frame is not before[name]}
    assert changed == {"host-read-keyid0"}
    assert attacks.findChildren(QPushButton, "play_dma-read-private")
    qtbot.keyClicks(attacks.filter, "probe")
    assert 0 < len(attacks._frames) < len(before)
    attacks.filter.clear()
    assert set(attacks._frames) == set(before)


def test_from_the_legacy_world_the_contrast_is_a_td(made, qtbot) -> None:
    bridge, workspace = made.control.bridge, made.window.workspace
    bridge.switch_world("legacy")
    settle()
    click(qtbot, workspace.panel("attacks"), "contrast_host-read-keyid0")
    banner = workspace.panels["verdict"].banner()
    assert (banner.word, banner.other[:2]) == ("SUCCEEDED", ("a TD", "NO GAIN"))


def test_a_variant_is_played_from_its_attacks_card(made, qtbot) -> None:
    panel = made.window.workspace.panel("attacks")
    buttons = {button.objectName() for button in panel.findChildren(QPushButton)}
    wanted = {one.id for attack in attacks() for one in (attack, *attack.variants)}
    assert {name.removeprefix("play_") for name in buttons if name.startswith("play_")} == wanted
    click(qtbot, panel, "play_hkid-reuse-without-flush:freeid-first")
    assert made.control.bridge.session.verdict.attack == "hkid-reuse-without-flush:freeid-first"
    assert "Or: Free the HKID" in panel.describe()
