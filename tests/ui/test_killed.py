"""``kill -9`` in mid-lesson, start again: offered to continue, at most one command lost."""

import os
import signal
import subprocess
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton

from tdxviz import app

SCRIPT = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from tdxviz import app

application = app.make_application()
window = app.open_window(Path(sys.argv[1]))

def play():
    if window.control is None:
        QTimer.singleShot(5, play)
        return
    window.do("lesson:who-reads")
    lesson = window.workspace.panels["lesson"]
    for name in ("continue_step", "option_b", "answer", "continue_step"):
        lesson.findChild(QPushButton, name).click()
    QTimer.singleShot(0, go_on)

def go_on():
    # the learner plays on until the process dies: each line says what is surely done
    session = window.control.bridge.session
    print(window.control.bridge.player.step.id, len(session.timeline.commands), session.index, flush=True)
    window.control.runner._slice()
    QTimer.singleShot(0, go_on)

from PySide6.QtWidgets import QPushButton
QTimer.singleShot(0, play)
application.exec()
"""
LINES = 6


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill like that")
def test_a_killed_lesson_goes_on_where_it_was(qtbot, tmp_path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert child.stdout is not None
    lines = [child.stdout.readline().split() for _ in range(LINES)]
    child.send_signal(signal.SIGKILL)
    assert child.wait(20) == -signal.SIGKILL
    child.stdout.close()
    assert len(lines[-1]) == 3, "the app did not come so far"
    step, commands = lines[-1][0], int(lines[-1][1])
    assert (step, commands >= LINES - 2) == ("itself", True)

    app.make_application()
    window = app.open_window(tmp_path)
    qtbot.addWidget(window)
    qtbot.waitUntil(lambda: window.control is not None, timeout=10_000)
    offered = window.start.findChild(QPushButton, "continue")
    assert offered is not None
    assert any("did not end in good order" in label.text() for label in window.start.findChildren(QLabel))
    qtbot.mouseClick(offered, Qt.MouseButton.LeftButton)
    player = window.control.bridge.player
    assert player is not None
    assert player.lesson.id == "who-reads"
    assert player.step.id == step
    assert player.quiz.answers["predict"].choice == "b"
    timeline = player.session.timeline
    assert len(timeline.commands) >= commands - 1
    assert timeline.at(timeline.starts[-1]).fingerprint() == replayed(timeline)
    window.close()


def replayed(timeline) -> str:
    """Fingerprint of a machine that does the recovered commands (but the last) from the start."""
    machine = timeline.at(0).copy()
    for command in timeline.commands[:-1]:
        machine.do(command)
    return machine.fingerprint()
