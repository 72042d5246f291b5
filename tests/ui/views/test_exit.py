"""The exit panel: painted at several sizes, clicked still by still."""

import pytest
from PySide6.QtCore import Qt

from tdxviz.ui.panel import Hit
from tdxviz.ui.theme import LIGHT, THEMES
from tdxviz.ui.views.exit import ExitPanel
from tests.ui import stage_kit as kit


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("size", [(980, 400), (700, 300), (360, 500)])
@pytest.mark.parametrize("world", ["ci", "legacy"])
def test_paints_and_changes_nothing(qapp, world, theme, size):
    bridge = kit.bridge(world, "register-peek-on-exit")
    before = bridge.moment.machine.fingerprint()
    panel = kit.shown(ExitPanel, bridge, theme, size)
    image = kit.painted(panel)
    colours = {image.pixel(x, y) for x in range(0, size[0], 5) for y in range(30, size[1], 7)}
    assert len(colours) > 10
    assert bridge.moment.machine.fingerprint() == before


def test_clicking_a_still_goes_there_and_marks_it(qapp):
    bridge = kit.bridge("ci", "register-peek-on-exit")
    panel = kit.shown(ExitPanel, bridge, LIGHT, (980, 400))
    for number, word in enumerate(("1 runs", "2 the border", "3 save", "4 scrub", "5 host")):
        kit.painted(panel)
        kit.press(panel, word)
        picture = panel.picture()
        assert picture is not None and picture.active == number
    assert bridge.moment.index == picture.stills[4].index


def test_every_register_has_a_word_to_point_at(qapp):
    panel = kit.shown(ExitPanel, kit.bridge("ci", "register-peek-on-exit"), LIGHT, (980, 400))
    kit.painted(panel)
    tips = [Hit(*hit).tooltip for hit in panel.hits]
    assert sum("in the guest" in tip for tip in tips) == 16


def test_without_an_exit_it_says_what_to_do(qapp):
    panel = kit.shown(ExitPanel, kit.bridge("legacy", ""), LIGHT, (500, 200))
    kit.painted(panel)
    assert panel.heading()[1] == "no guest has been left yet"


def test_keys_and_buttons_scrub_and_play_plays_to_the_end(qapp, qtbot):
    bridge = kit.bridge("ci", "register-peek-on-exit")
    panel = kit.shown(ExitPanel, bridge, LIGHT, (400, 400))
    qtbot.addWidget(panel)
    kit.painted(panel)
    panel.scrub(1)
    assert panel.picture().active == 0
    for number in (1, 2, 3, 4, 4):
        qtbot.keyClick(panel, Qt.Key.Key_Right)
        assert panel.picture().active == number
    qtbot.keyClick(panel, Qt.Key.Key_Left)
    assert panel.picture().active == 3
    kit.painted(panel)
    kit.press(panel, "Next still")
    panel._timer.setInterval(5)
    kit.press(panel, "Play this exit")
    assert panel.picture().active == 0
    qtbot.waitUntil(lambda: panel.picture().active == 4 and not panel._timer.isActive(), timeout=5000)


def test_before_the_scrub_the_outside_is_empty(qapp):
    bridge = kit.bridge("ci", "register-peek-on-exit")
    panel = kit.shown(ExitPanel, bridge, LIGHT, (700, 600))
    kit.painted(panel)
    after = [Hit(*hit).tooltip for hit in panel.hits if Hit(*hit).tooltip.startswith("RBX")]
    bridge.go_to(panel.picture().stills[1].index)
    kit.painted(panel)
    before = [Hit(*hit).tooltip for hit in panel.hits if Hit(*hit).tooltip.startswith("RBX")]
    assert "for the host 0x0" in after[0]
    assert before[0].endswith("The border comes next.")
