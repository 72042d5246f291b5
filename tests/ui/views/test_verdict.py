"""The banner follows the moment's verdict and leads to what decided it."""

from types import SimpleNamespace as Row

import pytest
from PySide6.QtCore import QPointF

from tdxviz.ui.panel import Hit
from tdxviz.ui.theme import LIGHT, THEMES, VERDICT_ROLES
from tdxviz.ui.views import verdict_shapes
from tdxviz.ui.views.stage_brush import contrast
from tdxviz.ui.views.verdict import VerdictPanel
from tests.ui import stage_kit as kit
from tests.ui import stage_samples as s


def test_slim_until_there_is_a_verdict(qapp):
    bridge = kit.bridge()
    panel = kit.shown(VerdictPanel, bridge, LIGHT, (900, 60))
    full = panel.sizeHint().height()
    bridge.go_to(0)
    assert panel.sizeHint().height() < full
    assert panel.describe() == "No attack yet."
    bridge.go_to(bridge.session.total)
    assert panel.sizeHint().height() == full


def test_why_leads_to_the_first_cause_and_points_at_it(qapp):
    bridge = kit.bridge("ci", "host-write-full-line")
    panel = kit.shown(VerdictPanel, bridge, LIGHT, (900, 80))
    kit.painted(panel)
    causes = bridge.moment.verdict.causes
    kit.press(panel, "Go to the event that decided this")
    assert bridge.moment.index == causes[0] + 1
    assert bridge.moment.focus.event == causes[0]
    assert bridge.moment.focus.hpa == bridge.session.events[causes[0]].hpa
    kit.painted(panel)
    kit.press(panel, "Go to the event that decided this")
    assert bridge.moment.index == causes[1] + 1


def test_a_verdict_can_be_put_away(qapp):
    bridge = kit.bridge()
    panel = kit.shown(VerdictPanel, bridge, LIGHT, (900, 60))
    kit.painted(panel)
    kit.press(panel, "Put this verdict away")
    assert panel.banner().shape == ""
    other = kit.bridge("ci", "host-write-full-line")
    panel.show_moment(other.moment)
    assert panel.banner().word == "DETECTED"


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("shape", VERDICT_ROLES)
def test_every_shape_paints_in_every_theme(qapp, theme, shape):
    assert shape in verdict_shapes.SHAPES
    panel = VerdictPanel(kit.bridge(), theme)
    panel.resize(900, 62)
    panel.show_moment(Row(machine=None, index=0, verdict=s.verdict("WORD", shape), focus=None))
    image = kit.painted(panel)
    assert len({image.pixel(x, 31) for x in range(2, 44)}) >= 2


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_shapes_stand_out_from_their_band(qapp, theme):
    from PySide6.QtGui import QPainter, QPixmap

    from tdxviz.ui.views.stage_brush import Brush

    pixmap = QPixmap(4, 4)
    painter = QPainter(pixmap)
    brush = Brush(painter, theme)
    for role in VERDICT_ROLES.values():
        assert contrast(brush.color(role), brush.ink(role)) >= 4.5, role
    painter.end()


def test_long_sentences_get_a_second_line(qapp):
    panel = VerdictPanel(kit.bridge(), LIGHT)
    panel.resize(900, 62)
    short = Row(machine=None, index=0, verdict=s.verdict(), focus=None)
    long = Row(machine=None, index=0, verdict=s.verdict(sentence="word " * 40), focus=None)
    panel.show_moment(short)
    one = panel.sizeHint().height()
    panel.show_moment(long)
    assert panel.sizeHint().height() > one


def test_hits_lie_inside(qapp):
    panel = kit.shown(VerdictPanel, kit.bridge(), LIGHT, (640, 62))
    kit.painted(panel)
    assert panel.hits
    for hit in panel.hits:
        assert panel.rect().toRectF().contains(Hit(*hit).rect)


def test_pointing_at_the_verdict_frames_what_decided_it(qapp):
    bridge = kit.bridge("ci", "host-write-full-line")
    panel = kit.shown(VerdictPanel, bridge, LIGHT, (900, 80))
    kit.painted(panel)
    causes = bridge.moment.verdict.causes
    words = next(Hit(*hit) for hit in panel.hits if "Decided by" in Hit(*hit).tooltip)
    kit.point(panel, words.rect.center())
    assert bridge.moment.hover.event == causes[0]
    assert bridge.moment.hover.hpa == bridge.session.events[causes[0]].hpa
    kit.point(panel, QPointF(1, 1))
    assert bridge.moment.hover is None
