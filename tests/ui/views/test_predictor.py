"""The predictor panel: painted at several sizes; processors and sweeps can be clicked."""

import pytest

from tdxviz.core import events as e
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui.bridge import Bridge
from tdxviz.ui.theme import LIGHT, THEMES
from tdxviz.ui.views.predictor import PredictorPanel
from tests.ui import stage_kit as kit


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("size", [(900, 300), (330, 420)])
def test_paints_and_changes_nothing(qapp, theme, size):
    bridge = kit.bridge("ci", "register-peek-on-exit")
    before = bridge.moment.machine.fingerprint()
    panel = kit.shown(PredictorPanel, bridge, theme, size)
    image = kit.painted(panel)
    colours = {image.pixel(x, y) for x in range(0, size[0], 5) for y in range(30, size[1], 7)}
    assert len(colours) > 8
    assert bridge.moment.machine.fingerprint() == before


def test_clicking_a_processor_shows_it(qapp):
    panel = kit.shown(PredictorPanel, kit.bridge(), LIGHT, (900, 300))
    kit.painted(panel)
    kit.press(panel, "logical processor 3")
    assert panel.heading()[0] == "Branch predictor of LP3"


def test_clicking_a_sweep_goes_there(qapp):
    bridge = kit.bridge("ci", "register-peek-on-exit")
    panel = kit.shown(PredictorPanel, bridge, LIGHT, (900, 300))
    panel.lp = 0
    picture = panel.picture()
    kit.painted(panel)
    for sweep in picture.sweeps[:1]:
        kit.press(panel, f"{sweep.name}: {sweep.words}")
        assert bridge.moment.index == sweep.index
    assert panel.describe().startswith("Branch predictor of LP0")


def test_a_line_that_a_wrong_prediction_left_can_be_chosen(qapp):
    session = Session("legacy", 7, "guest:dispatch")
    for name, args in (
        ("resume", {"until": "served"}), ("td.enter", {"steps": 200}), ("host.train", {"at": "branch", "to": "gadget"}),
        ("resume", {"until": "served"}),
    ):  # fmt: skip
        session.act(Action(name, args))
    bridge = Bridge(session)
    panel = kit.shown(PredictorPanel, bridge, LIGHT, (900, 300))
    (stray,) = panel.picture().strays
    kit.painted(panel)
    kit.press(panel, "stayed in the cache")
    assert bridge.session.focus.hpa == stray.lines[0]
    kit.painted(panel)
    kit.press(panel, "was predicted to go to")
    assert isinstance(session.timeline.events[bridge.moment.index - 1], e.SpeculationSquashed)
