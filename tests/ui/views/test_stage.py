"""The stage as a widget: it paints real machines, changes nothing, scrubs and opens views."""

import statistics
import time

import pytest
from PySide6.QtCore import QPointF, Qt

from tdxviz.ui.panel import Hit
from tdxviz.ui.theme import CONTRAST, DARK, LIGHT, THEMES
from tdxviz.ui.views.stage import StagePanel
from tests.ui import stage_kit as kit

SIZES = [(900, 330, 1.0), (1090, 560, 1.0), (1900, 560, 2.0), (1900, 980, 1.0), (620, 270, 1.0)]


@pytest.mark.parametrize("world", ["ci", "li", "legacy"])
@pytest.mark.parametrize("size", SIZES)
def test_paints_at_any_size_and_changes_nothing(qapp, world, size):
    width, height, scale = size
    bridge = kit.bridge(world)
    before = bridge.moment.machine.fingerprint()
    panel = kit.shown(StagePanel, bridge, LIGHT.scaled(scale), (width, height))
    image = kit.painted(panel)
    colours = {image.pixel(x, y) for x in range(0, width, 7) for y in range(0, height, 7)}
    assert len(colours) > 8
    assert 0xFF123456 not in colours
    assert bridge.moment.machine.fingerprint() == before


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_theme_paints(qapp, theme):
    panel = kit.shown(StagePanel, kit.bridge(), theme, (900, 330))
    assert not kit.painted(panel).isNull()


def test_every_event_of_an_attack_can_be_painted(qapp):
    bridge = kit.bridge("ci", "host-write-full-line")
    panel = kit.shown(StagePanel, bridge, DARK, (900, 330))
    for index in range(bridge.session.total - 60, bridge.session.total + 1):
        bridge.go_to(index)
        kit.painted(panel)
        assert panel.describe()


def test_repaint_is_fast(qapp):
    panel = kit.shown(StagePanel, kit.bridge(), LIGHT, (900, 330))
    kit.painted(panel)
    times = []
    for _ in range(15):
        start = time.perf_counter()
        kit.painted(panel)
        times.append(time.perf_counter() - start)
    assert statistics.median(times) < 0.008 * 2  # twice the budget: test machines are shared


def test_the_picture_is_asked_for_once_while_only_the_pointer_moves(qapp):
    bridge = kit.bridge()
    panel = kit.shown(StagePanel, bridge, LIGHT, (900, 330))
    first = panel.picture()
    bridge.hover(type(bridge.session.focus)(hpa=0x413000))
    assert panel.picture() is first
    bridge.hover(None)
    bridge.go_to(bridge.session.total - 1)
    assert panel.picture() is not first


def test_hits_open_the_full_views(qapp):
    bridge = kit.bridge()
    panel = kit.shown(StagePanel, bridge, LIGHT, (900, 330))
    kit.painted(panel)
    opened = []
    bridge.view_wanted.connect(opened.append)
    for words in ("all registers", "the attacks", "all entries", "this line", "the walk",
                  "the whole page", "who sees what"):  # fmt: skip
        kit.press(panel, words)
    assert opened == ["vcpu", "attacks", "tlb", "line", "sept", "page", "eyes"]


def test_every_opened_view_exists(qapp):
    from tdxviz.ui.panels import BY_NAME

    panel = kit.shown(StagePanel, kit.bridge(), LIGHT, (900, 330))
    assert {box.view for box in panel.picture().boxes.values()} <= set(BY_NAME)


def test_hits_lie_inside_the_panel(qapp):
    for width, height, scale in SIZES:
        panel = kit.shown(StagePanel, kit.bridge(), LIGHT.scaled(scale), (width, height))
        kit.painted(panel)
        for hit in panel.hits:
            assert panel.rect().toRectF().contains(Hit(*hit).rect), Hit(*hit).tooltip
            assert Hit(*hit).tooltip


def test_a_dram_line_can_be_chosen(qapp):
    bridge = kit.bridge()
    panel = kit.shown(StagePanel, bridge, LIGHT, (900, 330))
    kit.painted(panel)
    kit.press(panel, "Line 0x413500")
    assert bridge.session.focus.hpa == 0x413500
    rows = panel.picture().rows
    assert [row.hpa for row in rows if row.chosen] == [0x413500]
    assert [row.hpa for row in rows if row.focus] == [0x413540]


def test_arrow_keys_scrub_the_whole_app(qapp, qtbot):
    bridge = kit.bridge()
    panel = kit.shown(StagePanel, bridge, LIGHT, (900, 330))
    qtbot.addWidget(panel)
    end = bridge.moment.index
    qtbot.keyClick(panel, Qt.Key.Key_Left)
    qtbot.keyClick(panel, Qt.Key.Key_Left)
    assert bridge.moment.index == end - 2
    assert panel.picture().film.stills[panel.picture().still].phase == "check"
    assert bridge.moment.machine.frozen
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    assert bridge.moment.index == end - 1


def test_notches_of_the_slider_jump(qapp):
    bridge = kit.bridge()
    panel = kit.shown(StagePanel, bridge, LIGHT, (900, 330))
    kit.painted(panel)
    kit.press(panel, "Still 2: fetch the line")
    assert bridge.moment.index == kit.index_of(bridge.session.events, "fetch")


def test_dragging_along_the_track_scrubs(qapp, qtbot):
    bridge = kit.bridge()
    panel = kit.shown(StagePanel, bridge, LIGHT, (900, 330))
    qtbot.addWidget(panel)
    kit.painted(panel)
    goal = panel._bar.notches[0]
    qtbot.mousePress(panel, Qt.MouseButton.LeftButton, pos=panel._bar.notches[-1].toPoint())
    qtbot.mouseMove(panel, goal.toPoint())
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    panel.mouseMoveEvent(QMouseEvent(
        QEvent.Type.MouseMove, QPointF(goal), QPointF(goal), Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier))  # fmt: skip
    assert bridge.moment.index == panel.picture().film.stills[0].event + 1


def test_play_runs_from_the_first_still_to_the_last_and_stops(qapp):
    bridge = kit.bridge()
    panel = kit.shown(StagePanel, bridge, LIGHT, (900, 330))
    kit.painted(panel)
    end = bridge.moment.index
    panel.set_speed(4.0)
    panel.play_or_pause()
    assert panel.playing
    assert bridge.moment.index == panel.picture().film.stills[0].event + 1
    for _ in range(20):
        if panel.playing:
            panel._next_still()
    assert not panel.playing
    assert bridge.moment.index == end


def test_the_slider_of_a_hit_is_shorter(qapp):
    bridge = kit.bridge()
    panel = kit.shown(StagePanel, bridge, LIGHT, (900, 330))
    long_way = kit.index_of(bridge.session.events, "fill")
    bridge.go_to(kit.index_of(bridge.session.events, "hit"))
    kit.painted(panel)
    short = panel._bar.track.width()
    bridge.go_to(long_way)
    kit.painted(panel)
    assert short < panel._bar.track.width()


def test_describe_tells_the_refusal(qapp):
    bridge = kit.bridge()
    bridge.go_to(kit.index_of(bridge.session.events, "check"))
    panel = kit.shown(StagePanel, bridge, CONTRAST, (900, 330))
    words = panel.describe()
    assert "Host software loads 64 bytes" in words
    assert "Refused: TD-owner bit is 1" in words


def test_before_the_first_moment_it_says_so(qapp):
    bridge = kit.bridge()
    panel = StagePanel(bridge, LIGHT)
    panel.resize(900, 330)
    assert "nothing" in panel.describe()
    assert not kit.painted(panel).isNull()
