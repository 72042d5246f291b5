"""The memory map as a person uses it: clicks, keys, wheel, legend."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from tdxviz.core.units import PAGE
from tdxviz.session.moment import Focus
from tdxviz.ui.theme import DARK, LIGHT, THEMES
from tdxviz.ui.views import map_tiles
from tdxviz.ui.views.memory_map import MemoryMapPanel
from tests.ui import stage_kit as kit

SECRET = 0x413540
LEFT = Qt.MouseButton.LeftButton


def made(qtbot, world: str = "ci", theme=LIGHT, size=(620, 460)) -> MemoryMapPanel:
    panel = kit.shown(MemoryMapPanel, kit.bridge(world), theme, size)
    qtbot.addWidget(panel)
    kit.painted(panel)
    return panel


def turn(panel, at: QPointF, notches: int, ctrl: bool = False) -> None:
    held = Qt.KeyboardModifier.ControlModifier if ctrl else Qt.KeyboardModifier.NoModifier
    event = QWheelEvent(at, panel.mapToGlobal(at), QPoint(), QPoint(0, 120 * notches),
                        Qt.MouseButton.NoButton, held, Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
    QApplication.sendEvent(panel, event)
    kit.painted(panel)


def centre(panel, page: int) -> QPoint:
    return panel.cell_rect(page).center().toPoint()


@pytest.mark.parametrize("theme", [*THEMES.values(), DARK.scaled(2.5), LIGHT.scaled(0.7)])
@pytest.mark.parametrize("size", [(200, 90), (620, 460)])
def test_paints_everything_and_changes_nothing(qtbot, theme, size) -> None:
    panel = made(qtbot, theme=theme, size=size)
    before = panel.moment.machine.fingerprint()
    for overlay in ("owner", "type", "sept", "accept", "writer", "touched"):
        panel.choose_overlay(overlay)
        kit.painted(panel)
        assert all(hit[0].right() <= panel.width() + 1 for hit in panel.hits)
    assert panel.moment.machine.fingerprint() == before


def test_the_chosen_page_is_in_sight_and_a_click_chooses_another(qtbot) -> None:
    panel = made(qtbot)
    page = SECRET // PAGE
    assert panel.area_map.contains(panel.cell_rect(page).center())
    qtbot.mouseClick(panel, LEFT, pos=centre(panel, page + 2))
    assert panel.bridge.moment.focus == Focus(hpa=(page + 2) * PAGE)
    opened = []
    panel.bridge.view_wanted.connect(opened.append)
    qtbot.mouseDClick(panel, LEFT, pos=centre(panel, page + 2))
    assert opened == ["page"]


def test_another_size_of_the_panel_keeps_the_chosen_page_in_sight(qtbot) -> None:
    panel = made(qtbot, size=(300, 400))
    for size in ((1200, 300), (420, 600), (900, 220)):
        panel.resize(*size)
        panel.grab()
        assert panel.area_map.intersects(panel.cell_rect(panel.place() // PAGE)), size


def test_pointing_hovers_and_says_what_the_page_is(qtbot) -> None:
    panel = made(qtbot)
    kit.point(panel, centre(panel, 0x413))
    assert panel.bridge.moment.hover == Focus(hpa=0x413 * PAGE)
    assert "owner TD-A" in panel.toolTip()
    panel.bridge.hover(None)


def test_a_guest_address_is_found_through_its_tables(qtbot) -> None:
    panel = made(qtbot)
    panel.bridge.select(Focus(gpa=0x8000_9000))
    kit.painted(panel)
    assert panel.page_of(panel.moment.focus) == 0x419
    assert panel.heading()[1].endswith("0x0041 9000: TD-A")


def test_keys_move_choose_zoom_and_change_the_overlay(qtbot) -> None:
    panel = made(qtbot)
    alt = Qt.KeyboardModifier.AltModifier
    qtbot.keyClick(panel, Qt.Key.Key_Right, alt)
    assert panel.pointer == SECRET // PAGE + 1
    qtbot.keyClick(panel, Qt.Key.Key_Down)
    assert panel.pointer == SECRET // PAGE + 1 + panel.grid.columns
    qtbot.keyClick(panel, Qt.Key.Key_Return)
    assert panel.bridge.moment.focus.hpa == panel.pointer * PAGE
    qtbot.keyClick(panel, Qt.Key.Key_O)
    assert panel.overlay == "type"
    qtbot.keyClick(panel, Qt.Key.Key_2)
    assert panel.chosen == {panel.layer().kinds[panel.kinds_shown()[1]].label}
    before = panel.grid.cell
    qtbot.keyClick(panel, Qt.Key.Key_Plus)
    kit.painted(panel)
    assert panel.grid.cell > before
    qtbot.keyClick(panel, Qt.Key.Key_0)
    kit.painted(panel)
    assert panel.grid.cell < map_tiles.GAPS_FROM
    panel.bridge.select(Focus())
    panel.bridge.hover(None)


def test_zooming_in_step_by_step_reaches_letters_and_out_again_the_whole(qtbot) -> None:
    panel = made(qtbot, size=(900, 640))
    panel.set_zoom(0)
    kit.painted(panel)
    assert panel.area_strip.isEmpty()
    assert panel.grid.height <= panel.area_map.height()
    cells = [panel.grid.cell]
    for _ in range(9):
        turn(panel, QPointF(centre(panel, panel.place() // PAGE)), 1, ctrl=True)
        cells.append(panel.grid.cell)
        assert panel.area_map.contains(panel.cell_rect(panel.place() // PAGE).center())
    assert cells == sorted(cells)
    assert cells[-1] >= 40
    for _ in range(12):
        turn(panel, panel.area_map.center(), -1, ctrl=True)
    assert panel.grid.cell == cells[0]


def test_wheel_and_strip_scroll_and_the_ends_hold(qtbot) -> None:
    panel = made(qtbot)
    turn(panel, panel.area_map.center(), -2)
    assert panel.top > 0
    turn(panel, panel.area_map.center(), 100_000)
    assert panel.top == 0
    qtbot.mouseClick(
        panel,
        LEFT,
        pos=panel.area_strip.center().toPoint() + QPoint(0, int(panel.area_strip.height() / 2) - 2),
    )
    kit.painted(panel)
    assert panel.page_at(panel.area_map.bottomLeft() + QPointF(2, -2)) > 65_000
    turn(panel, panel.area_map.center(), -100_000)
    assert panel.page_at(panel.area_map.topLeft() + QPointF(1, 1)) < 65_536


def test_the_legend_filters(qtbot) -> None:
    panel = made(qtbot)
    plain = kit.painted(panel)
    cell = centre(panel, 0x413 - 1)
    rects = [hit for hit in panel.hits if "let them stand out" in hit[2]]
    host = next(hit for hit in rects if "hypervisor" in hit[2])
    qtbot.mouseClick(panel, LEFT, pos=host[0].center().toPoint())
    assert panel.chosen == {"host"}
    faded = kit.painted(panel)
    corner = cell + QPoint(-panel.grid.cell // 2 + 2, -panel.grid.cell // 2 + 2)
    assert faded.pixel(corner) != plain.pixel(corner)
    qtbot.mouseClick(panel, LEFT, pos=host[0].center().toPoint())
    assert kit.painted(panel) == plain


def test_the_map_is_not_made_again_while_nothing_changes(qtbot) -> None:
    panel = made(qtbot)
    first = panel.layer()
    image = panel._images["cells"][1]
    panel.bridge.hover(Focus(hpa=0x41_2000))
    panel.bridge.step("event", -1)
    kit.painted(panel)
    assert panel.layer() is first
    assert panel._images["cells"][1] is image
    panel.bridge.hover(None)


def test_the_legacy_world_says_what_is_missing(qtbot) -> None:
    panel = made(qtbot, "legacy")
    panel.choose_overlay("sept")
    kit.painted(panel)
    assert "No Secure EPT names a page" in panel.describe()


def test_letters_can_be_read_on_every_colour(qtbot) -> None:
    for theme in THEMES.values():
        panel = made(qtbot, theme=theme)
        brush = map_tiles.Brush(None, theme, panel.fonts)
        for name in ("owner", "type", "sept", "writer", "touched"):
            panel.choose_overlay(name)
            for kind in panel.layer().kinds:
                fill = map_tiles.fill_of(brush, kind, dim=False)
                assert not kind.letter or map_tiles.contrast(fill, map_tiles.ink_on(brush, fill)) >= 4.5, kind
