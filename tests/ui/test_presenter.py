"""A talk driven by a remote: the panels, the verdict, the poll, the light; and everything back after it."""

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QSpinBox

from tdxviz.session.actions import Action
from tdxviz.ui.presenter import LEAST, MOST
from tdxviz.ui.presenter_parts import Thumb
from tdxviz.ui.studio import look, settle, studio

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def made():
    with studio(look("1280x720")) as found:
        found.window.showFullScreen = lambda: None  # the offscreen screen is smaller than the window
        yield found


@pytest.fixture
def talk(made):
    """Presenter mode in a sandbox where one attack was played; left afterwards."""
    made.control.sandbox_attack("host-read-keyid0")
    yield from started(made)


@pytest.fixture
def lecture(made):
    """The same in a lesson."""
    made.control.open_lesson("who-reads")
    made.control.bridge.player.go_to(0)
    yield from started(made)


def started(made):
    made.window.activateWindow()
    settle()
    made.window.do("present")
    settle()
    yield made.control.show.page
    if made.control.show.on:
        made.window.do("present")
    made.control.bridge.open_lesson(None)


def press(made, key: Qt.Key) -> None:
    QTest.keyClick(made.window, key)
    settle()


def test_one_panel_is_on_stage_larger_with_the_verdict_below_it_and_nothing_else(made, talk) -> None:
    window = made.window
    assert not window.bar.isVisible()
    assert not window.workspace.isVisible()
    assert LEAST <= talk.theme.scale <= MOST
    assert talk.on_stage == "stage"
    assert talk.panels["stage"].width() > window.width() * 0.95
    assert talk.verdict.isVisible()
    assert talk.verdict.geometry().top() >= talk.stage.geometry().bottom()
    assert talk.heading.text() == "Attack: host-read-keyid0"
    window.tell("not now")
    assert not window.notice.isVisible()


def test_number_keys_and_clicks_on_small_pictures_change_what_is_on_stage(made, talk, qtbot) -> None:
    press(made, Qt.Key.Key_2)
    assert talk.on_stage == talk.names[1] == "eyes"
    talk._picture_thumbs()
    thumbs = talk.findChildren(Thumb)
    assert [thumb.on_stage for thumb in thumbs][:2] == [False, True]
    assert all(thumb.picture is not None for thumb in thumbs)
    qtbot.mouseClick(thumbs[0], LEFT)
    assert talk.on_stage == "stage"
    press(made, Qt.Key.Key_V)  # a panel's own key works here as well
    assert talk.on_stage == "vcpu"
    assert "vcpu" in talk.names
    assert made.control.show.on


def test_a_remote_goes_from_action_to_action(made, talk) -> None:
    bridge = made.control.bridge
    end = bridge.session.total
    press(made, Qt.Key.Key_PageUp)
    assert bridge.moment.index == 0
    assert not talk.verdict.isVisible()
    press(made, Qt.Key.Key_PageDown)
    assert bridge.moment.index == end
    assert talk.verdict.isVisible()


def test_a_lesson_is_told_with_page_down_alone(made, lecture) -> None:
    player = made.control.bridge.player
    press(made, Qt.Key.Key_PageDown)
    assert player.step.phase == "predict"
    press(made, Qt.Key.Key_PageDown)
    assert lecture.poll is not None
    hands = lecture.findChild(QSpinBox, "hands_b")
    hands.setFocus()
    QTest.keyClicks(hands, "12")
    assert lecture.poll.favourite == "b"
    assert lecture.on_stage == ""
    press(made, Qt.Key.Key_PageDown)
    assert player.quiz.answers["predict"].choice == "b"
    phases = []
    for _ in range(40):
        if player.is_last:
            break
        press(made, Qt.Key.Key_PageDown)
        phases.append(player.step.phase)
    assert player.is_last
    assert {"observe", "contrast", "explain"} <= set(phases)
    assert made.control.bridge.session.total > 0


def test_the_contrast_comes_on_stage_by_itself(made, talk) -> None:
    made.window.do("compare")
    settle()
    assert talk.on_stage == "compare"
    assert talk.panels["compare"].left.side.word == "SUCCEEDED"
    made.window.do("compare")


def test_ctrl_is_the_light_and_a_dot_makes_the_screen_black(made, talk) -> None:
    def ctrl(kind: QEvent.Type) -> None:
        event = QKeyEvent(kind, Qt.Key.Key_Control, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(talk.panels["stage"], event)

    ctrl(QEvent.Type.KeyPress)
    assert talk.overlay.laser
    assert not talk.overlay.grab().isNull()
    ctrl(QEvent.Type.KeyRelease)
    assert not talk.overlay.laser
    press(made, Qt.Key.Key_Period)
    assert talk.overlay.blank
    picture = talk.grab().toImage()
    assert picture.pixelColor(picture.width() // 2, picture.height() // 2).lightness() == 0
    press(made, Qt.Key.Key_Period)
    assert not talk.overlay.blank


def test_keys_and_clicks_are_shown(made, talk, qtbot) -> None:
    press(made, Qt.Key.Key_Left)
    assert talk.overlay.keys == "Left"
    qtbot.mouseClick(talk.panels["stage"], LEFT, pos=QPoint(5, 5))
    assert talk.overlay.click is not None
    assert not talk.overlay.grab().isNull()


def test_the_speaker_has_the_text_the_hints_and_the_time(made, lecture) -> None:
    press(made, Qt.Key.Key_N)
    speaker = lecture.speaker
    assert speaker is not None
    assert speaker.isVisible()
    assert speaker.time.text().startswith("0:")
    before = speaker.notes.toPlainText()
    assert "THE QUESTION" in before
    made.window.activateWindow()
    lecture.panels["stage"].setFocus()
    settle()
    press(made, Qt.Key.Key_PageDown)
    assert speaker.notes.toPlainText() != before
    press(made, Qt.Key.Key_N)
    assert lecture.speaker is None


def test_the_room_may_be_bright(made, talk) -> None:
    before = talk.theme.name
    press(made, Qt.Key.Key_W)
    assert talk.theme.is_dark != (before == "dark")
    assert made.window.theme.name == before
    assert talk.panels["stage"].theme is talk.theme


def test_leaving_brings_everything_back(made, talk) -> None:
    bridge = made.control.bridge
    bridge.act(Action("attack", {"id": "dma-read-private"}))
    press(made, Qt.Key.Key_Escape)
    assert not made.control.show.on
    assert made.window.bar.isVisible()
    assert made.window.workspace.isVisible()
    assert made.window.workspace.panels["verdict"].banner().attack == "dma-read-private"
    assert not talk.panels
