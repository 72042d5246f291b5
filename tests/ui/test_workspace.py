"""The workspace never outgrows its window, whatever the scale; what folds away stays within reach."""

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QPushButton, QTabBar

from tdxviz.ui.layouts import LAYOUTS, leaves
from tdxviz.ui.panels import BY_NAME
from tdxviz.ui.studio import look, settle, studio
from tdxviz.ui.theme import THEMES
from tdxviz.ui.top_bar import PLAYING

SCALES = (1.0, 1.75, 2.5)


@pytest.fixture(scope="module")
def made():
    with studio(look("1280x720")) as found:
        found.control.open_lesson("who-reads")
        yield found


def place(widget, window) -> QRect:
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("scale", SCALES)
def test_every_layout_fits_the_smallest_screen_at_every_scale(made, name: str, scale: float) -> None:
    window = made.window
    if window.theme.scale != scale:
        made.restyle("light", scale)
    made.arrange(name)
    assert window.size().toTuple() == (1280, 720)
    assert window.minimumSizeHint().width() <= 1280
    assert window.minimumSizeHint().height() <= 720
    front = window.workspace.in_front()
    assert front
    for panel in front:
        seen = place(window.workspace.panels[panel], window)
        assert window.rect().contains(seen), (panel, seen)
        assert seen.height() >= 28 * scale, panel
    tabs = {
        bar.tabText(n)
        for bar in window.workspace.findChildren(QTabBar)
        if bar.isVisible()
        for n in range(bar.count())
    }
    behind = set(leaves(LAYOUTS[name])) - set(front)
    assert {BY_NAME[panel].tab for panel in behind} <= tabs


@pytest.mark.parametrize("scale", SCALES)
def test_every_button_of_the_bar_is_in_sight_at_every_scale(made, scale: float) -> None:
    made.restyle("light", scale)
    settle()
    bar = made.window.bar
    shown = [
        button for button in (*bar.buttons.values(), bar.more, *bar.worlds.buttons()) if button.isVisible()
    ]
    assert {"play", "home", "find", "attack"} <= {n for n, b in bar.buttons.items() if b.isVisible()}
    assert bar.more in shown
    for button in shown:
        assert bar.rect().contains(place(button, bar)), button.text()
        assert button.width() >= button.fontMetrics().horizontalAdvance(button.text()), button.text()


def test_a_click_on_a_tab_shows_what_was_folded_away_and_it_stays_in_front(made, qtbot) -> None:
    window = made.window
    made.restyle("light", 1.75)
    made.arrange("stage")
    assert "eyes" not in window.workspace.in_front()
    bars = [bar for bar in window.workspace.findChildren(QTabBar) if bar.isVisible()]
    bar, number = next((b, n) for b in bars for n in range(b.count()) if b.tabText(n) == BY_NAME["eyes"].tab)
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(number).center())
    settle()
    assert "eyes" in window.workspace.in_front()
    made.restyle("light", 2.5)  # folds further: of all that was in front, the lesson leads
    settle()
    assert window.workspace.in_front() == ["verdict", "lesson"]
    made.restyle("light", 1.0)
    settle()
    assert {"stage", "eyes", "verdict", "timeline", "lesson"} <= set(window.workspace.in_front())
    made.restyle("light", 1.75)
    settle()
    assert {"stage", "verdict", "lesson"} == set(window.workspace.in_front())


@pytest.mark.parametrize("layout", ["stage", "module"])
def test_a_panel_that_was_called_survives_folding(made, layout: str) -> None:
    window = made.window
    made.restyle("light", 1.0)
    made.arrange(layout)
    window.workspace.reveal("editor")
    settle()
    panel = window.workspace.panels["editor"]
    assert "editor" in window.workspace.in_front()
    assert window.rect().contains(place(panel, window))
    assert panel.height() > 100
    made.restyle("light", 1.75)
    settle()
    assert "editor" in window.workspace.in_front()
    assert window.rect().contains(place(panel, window))
    made.arrange(layout)  # the way back
    assert window.workspace.docks["editor"].isHidden()


@pytest.mark.parametrize("scale", [1.0, 1.75, 2.5])
def test_a_lesson_can_be_driven_in_a_folded_window(made, scale: float) -> None:
    window = made.window
    made.restyle("light", scale)
    made.arrange("stage")
    window.workspace.reveal("lesson")
    settle()
    lesson = window.workspace.panels["lesson"]
    for name in ("hint", "show_me", "skip", "truth", "back_step", "continue_step"):
        button = lesson.findChild(QPushButton, name)
        if button is None:
            assert name == "hint"
            continue
        assert lesson.rect().contains(place(button, lesson)), name
        assert button.width() >= button.fontMetrics().horizontalAdvance(button.text()), name


def test_no_width_of_the_bar_makes_the_start_pages_buttons_usable(made) -> None:
    window = made.window
    made.control.home()
    for scale in (1.0, 2.5, 1.0):
        made.restyle("light", scale)
        buttons = window.bar.buttons
        assert not any(buttons[name].isEnabled() for name in PLAYING), scale
        assert buttons["find"].isEnabled()


def test_titles_of_tabs_are_never_cut(made) -> None:
    window = made.window
    made.control.sandbox()
    made.restyle("light", 1.0)
    made.arrange("stage")
    window.workspace.reveal("exit")
    settle()
    bars = [bar for bar in window.workspace.findChildren(QTabBar) if bar.isVisible()]
    assert bars
    assert {bar.elideMode() for bar in bars} == {Qt.TextElideMode.ElideNone}


def test_the_start_page_stands_in_one_column_where_two_would_be_cramped(made) -> None:
    window = made.window
    window.set_theme(THEMES["light"].scaled(1.75))
    made.control.home()
    settle()
    start = window.start
    assert start.horizontalScrollBar().maximum() == 0
    lesson, sandbox = (
        start.findChild(QPushButton, "lesson_who-reads"),
        start.findChild(QPushButton, "sandbox"),
    )
    assert place(sandbox, start.page).top() > place(lesson, start.page).bottom()
    window.set_theme(THEMES["light"].scaled(1.0))
    settle()
    lesson, sandbox = (
        start.findChild(QPushButton, "lesson_who-reads"),
        start.findChild(QPushButton, "sandbox"),
    )
    assert place(sandbox, start.page).left() > place(lesson, start.page).right()
