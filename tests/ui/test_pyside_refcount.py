"""PySide6 6.12.0 on Python 3.11 loses references to True and None; this version must not."""

import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QImage, QPainter

SLACK = 20
"""References that the test's own machinery may take or drop."""


class Sender(QObject):
    sent = Signal(object)


def test_emitting_keeps_the_references_of_true(qtbot) -> None:
    sender, got = Sender(), []
    sender.sent.connect(lambda _: got.append(1))
    before = sys.getrefcount(True)
    for _ in range(200):
        sender.sent.emit(None)
    assert len(got) == 200
    assert abs(sys.getrefcount(True) - before) <= SLACK


def test_painting_keeps_the_references_of_true_and_none(qtbot) -> None:
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    colour = QColor("#2481EF")
    before = sys.getrefcount(True), sys.getrefcount(None)
    painter = QPainter(image)
    for number in range(20_000):
        painter.fillRect(number % 64, number % 64, 2, 2, colour)
    painter.end()
    assert abs(sys.getrefcount(True) - before[0]) <= SLACK
    assert abs(sys.getrefcount(None) - before[1]) <= 10 * SLACK
