"""The Secure EPT tree under mouse and keys."""

import pytest
from PySide6.QtCore import Qt

from tdxviz.session.moment import Focus
from tdxviz.ui.theme import LIGHT, THEMES
from tdxviz.ui.views.sept_tree import SeptTreePanel
from tests.ui import stage_kit as kit

LEFT = Qt.MouseButton.LeftButton


def made(qtbot, world="ci", theme=LIGHT, size=(560, 420)) -> SeptTreePanel:
    panel = kit.shown(SeptTreePanel, kit.bridge(world), theme, size)
    qtbot.addWidget(panel)
    kit.painted(panel)
    return panel


def words(panel) -> list[str]:
    return [row.words for row in panel.tree().rows]


def hit(panel, text: str):
    return next(h for h in panel.hits if text in h[2])


@pytest.mark.parametrize("theme", [*THEMES.values(), LIGHT.scaled(2.5), LIGHT.scaled(0.7)])
@pytest.mark.parametrize("size", [(200, 90), (900, 600)])
@pytest.mark.parametrize("world", ["ci", "legacy"])
def test_paints_and_changes_nothing(qtbot, theme, size, world) -> None:
    panel = made(qtbot, world, theme, size)
    before = panel.moment.machine.fingerprint()
    kit.painted(panel)
    assert panel.describe()
    assert panel.moment.machine.fingerprint() == before


def test_the_way_to_the_secret_is_open_and_a_click_closes_it(qtbot) -> None:
    panel = made(qtbot)
    assert "PT 3" in words(panel)
    qtbot.mouseClick(panel, LEFT, pos=hit(panel, "PDPT 2:")[0].center().toPoint())
    assert "PT 3" not in words(panel)
    assert panel.bridge.moment.focus.hpa == 0x62_1000
    panel.bridge.select(Focus())


def test_a_leaf_is_chosen_and_hovered(qtbot) -> None:
    panel = made(qtbot)
    rect = hit(panel, "PT 4:")[0]
    kit.point(panel, rect.center().toPoint())
    assert panel.bridge.moment.hover == Focus(hpa=0x41_4000, gpa=0x8000_4000)
    qtbot.mouseClick(panel, LEFT, pos=rect.center().toPoint())
    assert panel.bridge.moment.focus == Focus(hpa=0x41_4000, gpa=0x8000_4000)
    panel.bridge.hover(None)
    panel.bridge.select(Focus())


def test_keys_open_all_and_close_all(qtbot) -> None:
    panel = made(qtbot)
    few = len(words(panel))
    qtbot.keyClicks(panel, "*")
    assert "PD 511" in words(panel)
    assert len(words(panel)) > few
    qtbot.keyClicks(panel, "/")
    assert "PD 511" not in words(panel)
    kit.painted(panel)
    qtbot.keyClick(panel, Qt.Key.Key_Down)
    qtbot.keyClick(panel, Qt.Key.Key_Return)
    assert "PT 3" not in words(panel)
    panel.bridge.select(Focus())
