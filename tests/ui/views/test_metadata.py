"""The metadata browser as it is painted and used."""

import pytest
from PySide6.QtCore import Qt

from tdxviz.session.moment import Focus
from tdxviz.ui.theme import LIGHT, THEMES
from tdxviz.ui.views.metadata import NAMES, MetadataPanel
from tests.ui import stage_kit as kit

LEFT = Qt.MouseButton.LeftButton


def made(qtbot, world="ci", theme=LIGHT, size=(600, 460)) -> MetadataPanel:
    panel = kit.shown(MetadataPanel, kit.bridge(world), theme, size)
    qtbot.addWidget(panel)
    kit.painted(panel)
    return panel


@pytest.mark.parametrize("theme", [*THEMES.values(), LIGHT.scaled(2.5), LIGHT.scaled(0.7)])
@pytest.mark.parametrize("size", [(200, 90), (900, 600)])
def test_paints_and_changes_nothing(qtbot, theme, size) -> None:
    for world in ("ci", "legacy"):
        panel = made(qtbot, world, theme, size)
        before = panel.moment.machine.fingerprint()
        for group in NAMES:
            panel.choose(group)
            kit.painted(panel)
            assert panel.describe()
        assert panel.moment.machine.fingerprint() == before


def test_keys_and_chips_choose_groups_and_filter(qtbot) -> None:
    panel = made(qtbot)
    every = len(panel.rows())
    qtbot.keyClick(panel, Qt.Key.Key_U)
    assert 0 < len(panel.rows()) < every
    qtbot.keyClick(panel, Qt.Key.Key_O)
    assert panel.group == "vcpu"
    kit.painted(panel)
    chip = next(h for h in panel.hits if h[2].startswith("Fields of the module itself"))
    qtbot.mouseClick(panel, LEFT, pos=chip[0].center().toPoint())
    assert panel.heading()[0] == "Metadata of TDX module"


def test_a_click_chooses_the_line_in_which_a_field_lies(qtbot) -> None:
    panel = made(qtbot)
    row = next(h for h in panel.hits if h[2].startswith("FATAL"))
    qtbot.mouseClick(panel, LEFT, pos=row[0].center().toPoint())
    assert panel.bridge.moment.focus == Focus(hpa=0x60_0000)
    panel.bridge.select(Focus())
