"""The window as a person uses it: clicks and keys, then what is seen."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QSlider, QToolButton

from tdxviz import app
from tdxviz.session.actions import Action
from tdxviz.ui.dialogs import FindDialog, GoToDialog
from tdxviz.ui.layouts import LAYOUTS
from tdxviz.ui.lookup import everything
from tdxviz.ui.panel import Hit
from tdxviz.ui.settings import load
from tdxviz.ui.shortcuts import KEYS, LETTERS, taken_by
from tdxviz.ui.views.lesson_parts import Prose

LEFT = Qt.MouseButton.LeftButton


def click(qtbot, window, name: str, kind: type = QPushButton) -> None:
    """Click the widget of that object name."""
    found = window.findChild(kind, name)
    assert found is not None, f"no {name}"
    assert found.isEnabled(), f"{name} is disabled"
    qtbot.mouseClick(found, LEFT)
    qtbot.wait(1)


def play_attack(qtbot, window) -> None:
    click(qtbot, window, "attack_host-read-keyid0")


def test_a_first_run_shows_the_start_page_with_lessons_and_attacks(window) -> None:
    assert window.page == "start"
    names = [button.objectName() for button in window.start.findChildren(QPushButton)]
    assert "lesson_who-reads" in names
    assert "sandbox" in names
    assert sum(name.startswith("attack_") for name in names) >= 5
    assert "continue" not in names


def test_a_key_before_the_core_is_loaded_does_nothing(qtbot, tmp_path) -> None:
    app.make_application()
    made = app.open_window(tmp_path)
    qtbot.addWidget(made)
    assert made.control is None
    for _, action, _ in KEYS:
        made.do(action)
    assert made.page == "start"
    qtbot.waitUntil(lambda: made.control is not None, timeout=10_000)
    made.close()


def test_clicking_an_attack_plays_it_and_shows_the_verdict(qtbot, window) -> None:
    play_attack(qtbot, window)
    moment = window.control.bridge.moment
    assert window.page == "work"
    assert moment.verdict is not None
    assert moment.index == moment.total > 0
    assert "lesson" not in [panel.name for panel in window.workspace.visible_panels()]


def test_the_transport_and_its_keys_move_through_time(qtbot, window) -> None:
    play_attack(qtbot, window)
    bridge = window.control.bridge
    end = bridge.moment.total
    window.workspace.panels["stage"].setFocus()
    click(qtbot, window, "bar_back", QToolButton)
    assert bridge.moment.index == end - 1
    qtbot.keyClick(window, Qt.Key.Key_Home)
    assert bridge.moment.index == 0
    qtbot.keyClick(window, Qt.Key.Key_Right)
    assert bridge.moment.index == 1
    qtbot.keyClick(window, Qt.Key.Key_End)
    assert bridge.moment.index == end
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert bridge.moment.index == 0


def test_space_runs_and_pauses_the_guest(qtbot, window) -> None:
    click(qtbot, window, "sandbox")
    control = window.control
    window.workspace.panels["stage"].setFocus()
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert control.runner.running
    qtbot.waitUntil(lambda: control.bridge.moment.total > 0, timeout=5000)
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert not control.runner.running


def test_switching_the_world_replays_the_same_attack_there(qtbot, window) -> None:
    play_attack(qtbot, window)
    before = window.control.bridge.moment.verdict
    click(qtbot, window, "world_legacy", QToolButton)
    moment = window.control.bridge.moment
    assert moment.world == "legacy"
    assert moment.verdict is not None
    assert (before.word, moment.verdict.word) == ("NO GAIN", "SUCCEEDED")


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_shows_panels_that_have_a_size(qtbot, window, name: str) -> None:
    click(qtbot, window, "sandbox")
    window.do(f"layout:{name}")
    qtbot.wait(60)
    panels = [panel for panel in window.workspace.visible_panels() if panel.isVisible()]
    assert panels
    assert all(panel.width() > 60 and panel.height() > 20 for panel in panels)
    assert all(panel.accessibleName() for panel in panels)
    assert all(panel.describe() for panel in panels)


def test_every_panel_comes_at_its_key(qtbot, window) -> None:
    click(qtbot, window, "sandbox")
    for key, action, _ in KEYS:
        kind, _, name = action.partition(":")
        if kind != "panel":
            continue
        window.workspace.panels["stage"].setFocus()
        qtbot.keyClick(window, getattr(Qt.Key, f"Key_{key}"))
        qtbot.wait(1)
        panel = window.workspace.panels[name]
        assert panel.isVisible(), name
        assert panel.hasFocus() or panel.isAncestorOf(QApplication.focusWidget()), name
        assert panel.describe()


def test_theme_and_scale_are_applied_and_remembered(qtbot, window, tmp_path) -> None:
    window.do("theme:dark")
    window.do("bigger")
    settings, notice = load(tmp_path)
    assert notice == ""
    assert settings.theme == "dark"
    assert settings.scale > 1.1
    assert window.theme.is_dark
    window.do("normal")
    assert load(tmp_path)[0].scale == 1.0


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.75, 2.5])
def test_the_bar_keeps_its_last_button_in_sight(qtbot, window, scale: float) -> None:
    window.resize(1920, 1080)
    window.set_theme(window.theme.scaled(scale))
    qtbot.wait(30)
    if scale <= 1.75:
        assert window.bar.more.isVisible()
        assert window.bar.more.geometry().right() <= window.bar.width()


def test_find_narrows_and_does_what_is_chosen(qtbot, window) -> None:
    click(qtbot, window, "sandbox")
    dialog = FindDialog(window, everything(window.control))
    qtbot.addWidget(dialog)
    qtbot.keyClicks(dialog.line, "layout memory")
    assert dialog.list.count() == 1
    qtbot.keyClick(dialog.line, Qt.Key.Key_Return)
    assert window.workspace.layout_name == "memory"


def test_going_to_an_address_selects_it_or_says_why_not(qtbot, window) -> None:
    click(qtbot, window, "sandbox")
    dialog = GoToDialog(window, window.control.travel.go_to_address)
    qtbot.addWidget(dialog)
    qtbot.keyClicks(dialog.line, "nowhere at all")
    qtbot.keyClick(dialog.line, Qt.Key.Key_Return)
    assert dialog.problem.text()
    dialog.line.setText("0x413540")
    qtbot.keyClick(dialog.line, Qt.Key.Key_Return)
    assert window.control.bridge.moment.focus.hpa == 0x413540


def test_f2_describes_the_focused_panel(qtbot, window, monkeypatch) -> None:
    play_attack(qtbot, window)
    said = []
    monkeypatch.setattr(window.control, "words", lambda title, text: said.append((title, text)))
    window.workspace.panels["timeline"].setFocus()
    qtbot.keyClick(window, Qt.Key.Key_F2)
    assert said
    assert "event" in said[0][1]
    assert window.workspace.panels["timeline"].accessibleDescription() == said[0][1]


def test_the_timeline_is_clicked_and_zoomed(qtbot, window) -> None:
    play_attack(qtbot, window)
    qtbot.wait(30)
    panel, bridge = window.workspace.panels["timeline"], window.control.bridge
    middle = QPoint(panel.width() // 2, int(panel._area().center().y()))
    qtbot.mouseClick(panel, LEFT, pos=middle)
    assert 0 < bridge.moment.index < bridge.moment.total
    strip = panel._strip().rect
    qtbot.mouseDClick(panel, LEFT, pos=strip.center().toPoint())
    before = panel._high - panel._low
    assert before == bridge.moment.total
    under = panel._track().index(middle.x())
    at = QPointF(middle)
    turn = QWheelEvent(
        at, panel.mapToGlobal(at), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    for _ in range(30):
        QApplication.sendEvent(panel, turn)
    assert panel._high - panel._low < before / 10
    assert panel._low <= under <= panel._high
    assert not panel.grab().isNull()


def test_a_stroke_in_the_overview_chooses_the_window_and_the_window_follows(qtbot, window) -> None:
    play_attack(qtbot, window)
    qtbot.wait(30)
    panel, bridge = window.workspace.panels["timeline"], window.control.bridge
    end = bridge.moment.total
    assert panel._low > 0  # not everything at once: events have letters
    assert panel._high == end
    strip = panel._strip()
    y = int(strip.rect.center().y())
    qtbot.mousePress(panel, LEFT, pos=QPoint(int(strip.x(100)), y))
    move = QMouseEvent(
        QMouseEvent.Type.MouseMove, QPointF(strip.x(300), y), panel.mapToGlobal(QPointF(strip.x(300), y)),
        LEFT, LEFT, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(panel, move)
    assert abs(panel._low - 100) < 3
    assert abs(panel._high - 300) < 3
    qtbot.mouseRelease(panel, LEFT, pos=QPoint(int(strip.x(300)), y))
    bridge.go_to(500)
    assert panel._low < 500 < panel._high
    assert abs(panel._high - panel._low - 200) < 3
    bridge.bookmark("here")
    panel.grab()
    star = next(hit for hit in panel.hits if "Bookmark" in hit.tooltip)
    bridge.go_to(490)
    qtbot.mouseClick(panel, LEFT, pos=star.rect.center().toPoint())
    assert bridge.moment.index == 500


def test_pointing_at_an_event_shows_its_place_everywhere(qtbot, window) -> None:
    play_attack(qtbot, window)
    panel, bridge = window.workspace.panels["timeline"], window.control.bridge
    panel.grab()
    hit = next(h for h in reversed(panel.hits) if getattr(h.target, "hpa", None) is not None)
    qtbot.mouseMove(panel, hit.rect.center().toPoint())
    assert bridge.moment.hover == hit.target
    assert bridge.session.events[hit.target.event].hpa == hit.target.hpa
    assert type(bridge.session.events[hit.target.event]).__name__ in panel.toolTip()


def test_acting_in_the_past_makes_a_track_that_leads_back(qtbot, window) -> None:
    play_attack(qtbot, window)
    panel, bridge = window.workspace.panels["timeline"], window.control.bridge
    first_end = bridge.moment.total
    bridge.go_to(first_end // 2)
    bridge.act(Action("attack", {"id": "host-read-keyid0"}))
    assert len(bridge.session.branches) == 2
    panel.grab()
    track = next(hit for hit in panel.hits if "Branch" in hit.tooltip)
    qtbot.mouseClick(panel, LEFT, pos=track.rect.center().toPoint())
    assert bridge.session.branch == 0
    assert bridge.moment.total == first_end


def test_a_bug_of_ours_is_told_in_a_sentence_and_kept_in_a_file(
    window, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("TDXVIZ_DATA", str(tmp_path))
    try:
        raise ZeroDivisionError("on purpose")
    except ZeroDivisionError as error:
        app.report(type(error), error, error.__traceback__)
    assert "on purpose" in window.notice.text()
    assert "ZeroDivisionError" in (tmp_path / "crash.txt").read_text()
    assert "on purpose" in capsys.readouterr().err


def test_focused_widgets_keep_the_keys_they_need(qtbot) -> None:
    app.make_application()
    line, button, slider = QLineEdit(), QPushButton(), QSlider()
    for widget in (line, button, slider):
        qtbot.addWidget(widget)
    assert taken_by(line) >= LETTERS
    assert taken_by(button) == {"Space"}
    assert "Left" in taken_by(slider)
    assert taken_by(None) == frozenset()
    line.setReadOnly(True)
    assert taken_by(line) == frozenset()


def test_a_lesson_is_played_with_the_keyboard_alone(qtbot, window) -> None:
    window.do("lesson:who-reads")
    qtbot.wait(30)
    lesson = window.workspace.panels["lesson"]
    player = window.control.bridge.player
    press(qtbot, lesson, "continue_step", Qt.Key.Key_Space)
    assert player.step.id == "predict"
    press(qtbot, lesson, "option_b", Qt.Key.Key_Space)
    slider = lesson.findChild(QSlider, "confidence")
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value() == 4
    press(qtbot, lesson, "answer", Qt.Key.Key_Space)
    assert player.quiz.answers["predict"].choice == "b"
    assert player.quiz.answers["predict"].confidence == 4
    press(qtbot, lesson, "continue_step", Qt.Key.Key_Space)
    press(qtbot, lesson, "move_0", Qt.Key.Key_Space)
    assert "itself" in player.finished
    assert not window.control.runner.running


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
def test_links_in_prose_take_the_colour_of_the_theme(qtbot, window, theme: str) -> None:
    window.do(f"theme:{theme}")
    prose = Prose(window.theme)
    qtbot.addWidget(prose)
    prose.show_markdown("[secret](anchor:secret)")
    cursor = prose.textCursor()
    cursor.movePosition(cursor.MoveOperation.End)
    assert cursor.charFormat().foreground().color() == QColor(window.theme.guest_job)


def press(qtbot, lesson, name: str, key: Qt.Key) -> None:
    """Put the keyboard on a widget of the lesson and press a key."""
    found = lesson.findChild(QPushButton, name)
    assert found is not None, f"no {name}"
    assert found.focusPolicy() != Qt.FocusPolicy.NoFocus
    found.setFocus()
    QApplication.processEvents()
    qtbot.keyClick(found, key)
    qtbot.wait(1)


def test_a_lesson_that_was_left_is_offered_again(qtbot, window, tmp_path) -> None:
    click(qtbot, window, "lesson_who-reads")
    click(qtbot, window, "continue_step")
    window.do("home")
    assert window.start.findChild(QPushButton, "continue") is not None
    click(qtbot, window, "continue")
    assert window.control.bridge.player is not None
    assert window.control.bridge.player.lesson.id == "who-reads"


def test_in_the_tour_a_click_on_a_picture_is_what_the_step_asked_for(qtbot, window) -> None:
    click(qtbot, window, "lesson_tour")
    player = window.control.bridge.player
    player.go_to(next(n for n, step in enumerate(player.steps) if step.id == "eyes"))
    window.control.bridge.refresh()
    assert "eyes" not in player.finished
    eyes = window.workspace.panel("eyes")
    eyes.grab()
    picture = next(Hit(*hit) for hit in eyes.hits if "the picture" in Hit(*hit).tooltip)
    qtbot.mouseClick(eyes, Qt.MouseButton.LeftButton, pos=picture.rect.center().toPoint())
    assert "eyes" in player.finished
