"""The state machines as they are painted, chosen and followed."""

import pytest
from PySide6.QtCore import QRectF, Qt

from tdxviz.session.moment import Focus
from tdxviz.ui.theme import LIGHT, THEMES
from tdxviz.ui.views.machines import NAMES, MachinesPanel
from tests.ui import stage_kit as kit

LEFT = Qt.MouseButton.LeftButton


def made(qtbot, world="ci", theme=LIGHT, size=(560, 460)) -> MachinesPanel:
    panel = kit.shown(MachinesPanel, kit.bridge(world), theme, size)
    qtbot.addWidget(panel)
    kit.painted(panel)
    return panel


@pytest.mark.parametrize("theme", [*THEMES.values(), LIGHT.scaled(2.5), LIGHT.scaled(0.7)])
@pytest.mark.parametrize("size", [(200, 90), (560, 460)])
def test_every_machine_is_painted_in_every_world(qtbot, theme, size) -> None:
    for world in ("ci", "legacy"):
        panel = made(qtbot, world, theme, size)
        before = panel.moment.machine.fingerprint()
        for name in NAMES:
            panel.choose(name)
            kit.painted(panel)
            assert panel.describe()
        assert panel.moment.machine.fingerprint() == before


def test_chips_and_the_key_choose_a_machine(qtbot) -> None:
    panel = made(qtbot)
    qtbot.keyClick(panel, Qt.Key.Key_O)
    assert panel.machine == "vcpu"
    kit.painted(panel)
    chip = next(h for h in panel.hits if h[2].startswith("16 states"))
    qtbot.mouseClick(panel, LEFT, pos=chip[0].center().toPoint())
    assert panel.machine == "sept"
    assert panel.heading()[1] == "TD-A GPA 0x8000 3000: MAPPED"


def test_boxes_of_a_machine_do_not_overlap(qtbot) -> None:
    for size in ((420, 460), (1100, 700)):
        panel = made(qtbot, size=size)
        for name in NAMES:
            panel.choose(name)
            kit.painted(panel)
            states = {node.state for node in panel.picture().nodes}
            boxes = [QRectF(h[0]) for h in panel._all_hits if h[2].split(":")[0] in states]
            assert len(boxes) == len(states)
            assert not any(a.intersects(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_the_box_where_we_are_chooses_its_page(qtbot) -> None:
    panel = made(qtbot)
    here = next(h for h in panel.hits if h[2].startswith("RUNNABLE: you are here"))
    qtbot.mouseClick(panel, LEFT, pos=here[0].center().toPoint())
    assert panel.bridge.moment.focus.hpa in panel.moment.machine.module.actors
    panel.bridge.select(Focus())
