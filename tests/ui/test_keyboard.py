"""A whole lesson with the keyboard alone: keys go to whatever has the focus, and nowhere else."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QWidget

from tdxviz import app
from tdxviz.session.lessons.progress import Progress

KEY = Qt.Key
MOST_TABS = 60


def focused() -> QWidget:
    QApplication.processEvents()
    found = QApplication.focusWidget()
    assert found is not None, "the keyboard is nowhere"
    return found


def press(*keys: Qt.Key) -> None:
    for key in keys:
        QTest.keyClick(focused(), key)
    QApplication.processEvents()


def tab_to(name: str) -> QWidget:
    for _ in range(MOST_TABS):
        if focused().objectName() == name:
            return focused()
        press(KEY.Key_Tab)
    raise AssertionError(f"{name} cannot be reached with Tab")


def answer(player) -> None:
    """The right answer to the question of this step, from the first thing that has the focus."""
    ask = player.question.ask
    if ask.type == "choice":
        keys = list(player.question.options)
        right = next(option.id for option in ask.options if option.correct)
        assert focused().objectName() == f"option_{keys[0]}"
        tab_to_option(keys, right)
        press(KEY.Key_Space)
    elif ask.type == "cloze":
        for blank in ask.blanks:
            combo = tab_to(f"blank_{blank.id}")
            assert isinstance(combo, QComboBox)
            press(*[KEY.Key_Down] * (blank.options.index(blank.answer) + 1))
            assert combo.currentText() == blank.answer
    else:
        assert focused().objectName() == "own_words"
        QTest.keyClicks(focused(), "the owner bit answers the host")
    tab_to("answer")
    press(KEY.Key_Space)


def tab_to_option(keys: list[str], right: str) -> None:
    for _ in range(len(keys)):
        if focused().objectName() == f"option_{right}":
            return
        press(KEY.Key_Down)
    raise AssertionError("the option is out of reach")


def do_step(player) -> None:
    """Whatever this step wants, by keys."""
    for _ in range(8):
        if focused().objectName() == "continue_step":
            press(KEY.Key_Space)
            return
        if player.question is not None:
            answer(player)
        else:
            assert focused().objectName().startswith("move_")
            press(KEY.Key_Space)
    raise AssertionError(f"step {player.step.id} does not end")


def test_lesson_1_from_the_start_page_to_its_end(qtbot, tmp_path) -> None:
    app.make_application()
    window = app.open_window(tmp_path)
    qtbot.addWidget(window)
    qtbot.waitUntil(lambda: window.control is not None, timeout=10_000)
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None, timeout=3000)
    assert focused().objectName() == "lesson_tour"  # the first lesson is offered first
    tab_to("lesson_who-reads")
    press(KEY.Key_Space)
    player = window.control.bridge.player
    seen = []
    while window.page == "work":
        seen.append(player.step.id)
        assert len(seen) <= len(player.steps)
        do_step(player)
    assert seen == [step.id for step in player.steps]
    assert player.is_complete
    assert Progress(tmp_path).of("who-reads").complete
    assert "is complete" in window.notice.text()
    window.close()
