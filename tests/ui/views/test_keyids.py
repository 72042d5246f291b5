"""The KeyID table as it is painted and clicked."""

import itertools

import pytest
from PySide6.QtCore import Qt

from tdxviz.session.moment import Focus
from tdxviz.ui.theme import LIGHT, THEMES
from tdxviz.ui.views.keyids import KeyIdsPanel
from tests.ui import stage_kit as kit


def made(qtbot, world="ci", theme=LIGHT, size=(640, 260)) -> KeyIdsPanel:
    panel = kit.shown(KeyIdsPanel, kit.bridge(world), theme, size)
    qtbot.addWidget(panel)
    kit.painted(panel)
    return panel


@pytest.mark.parametrize("theme", [*THEMES.values(), LIGHT.scaled(2.5), LIGHT.scaled(0.7)])
@pytest.mark.parametrize("size", [(200, 90), (900, 300)])
@pytest.mark.parametrize("world", ["ci", "legacy"])
def test_paints_and_changes_nothing(qtbot, theme, size, world) -> None:
    panel = made(qtbot, world, theme, size)
    before = panel.moment.machine.fingerprint()
    kit.painted(panel)
    assert panel.describe()
    assert panel.moment.machine.fingerprint() == before


@pytest.mark.parametrize("width", [300, 420, 640, 1200])
def test_columns_stay_inside_and_in_order(qtbot, width: int) -> None:
    panel = made(qtbot, size=(width, 300))
    heads = [h[0] for h in panel.hits if h[1] is None and h[0].top() < 45][1:7]
    assert len(heads) == 6
    assert all(a.right() <= b.left() + 1 for a, b in itertools.pairwise(heads))
    assert heads[-1].right() <= panel.width()


def test_a_click_chooses_the_root_page_of_the_td(qtbot) -> None:
    panel = made(qtbot)
    row = next(h for h in panel.hits if h[2].startswith("KeyID 0x21"))
    qtbot.mouseClick(panel, Qt.MouseButton.LeftButton, pos=row[0].center().toPoint())
    assert panel.bridge.moment.focus.hpa in panel.moment.machine.module.actors
    panel.bridge.select(Focus())
