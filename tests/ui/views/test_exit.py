"""The exit panel: painted at several sizes, clicked still by still."""

import pytest

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
