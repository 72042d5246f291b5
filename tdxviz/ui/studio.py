"""A window that nobody sees: opened offscreen, of a fixed size, for screenshots and recordings.

The same script gives the same pictures on one machine: no display, no settings of the user, our
own fonts, no blinking cursor, and nothing that depends on the clock is painted.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import (
    QCoreApplication,
    QMessageLogContext,
    QPoint,
    QSize,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtGui import QImage, QRegion
from PySide6.QtWidgets import QApplication, QWidget

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.ui.application import make_application
from tdxviz.ui.control import Control, start
from tdxviz.ui.main_window import MainWindow
from tdxviz.ui.settings import Settings
from tdxviz.ui.theme import LARGEST, SMALLEST, THEMES

SMALLEST_SIDE, LARGEST_SIDE = 160, 7680
ROUNDS = 4
"""Passes of the event loop after which layouts have settled."""
OFFSCREEN_NOISE = "This plugin does not support"
"""What Qt's offscreen platform says of every window; it does not matter here."""


@dataclass(frozen=True)
class Look:
    """Size in pixels, theme name, scale factor."""

    width: int = 1280
    height: int = 720
    theme: str = "light"
    scale: float = 1.0


def look(size: str = "1280x720", theme: str = "light", scale: float = 1.0) -> Look:
    """Checked. Raises TdxvizError saying what is wrong."""
    wide, cross, high = size.lower().partition("x")
    if not (cross and wide.isdecimal() and high.isdecimal()):
        raise TdxvizError(f"size {size!r} must look like 1280x720")
    width, height = int(wide), int(high)
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (width, height)):
        raise TdxvizError(f"size {size!r}: each side must be {SMALLEST_SIDE}..{LARGEST_SIDE} pixels")
    if theme not in THEMES:
        raise TdxvizError(f"there is no theme {theme!r}; {did_you_mean(theme, THEMES)}")
    if not SMALLEST <= scale <= LARGEST:
        raise TdxvizError(f"scale {scale} must be {SMALLEST}..{LARGEST}")
    return Look(width, height, theme, scale)


class Studio:
    """The window and its control, and pictures of them."""

    def __init__(self, window: MainWindow, control: Control) -> None:
        self.window = window
        self.control = control

    def resize(self, size: QSize) -> None:
        self.window.resize(size)
        settle()
        self.window.workspace.share_again()
        settle()

    def restyle(self, theme: str, scale: float) -> None:
        self.window.set_theme(THEMES[theme].scaled(scale))
        settle()

    def arrange(self, layout: str) -> None:
        """Lay the docks out anew; their sizes need two passes to come to rest."""
        self.control.layout(layout)
        settle()
        self.window.workspace.share_again()
        settle()

    def picture(self, widget: QWidget | None = None) -> QImage:
        """What the window (or one widget) looks like now, RGB."""
        self.window.notice.hide()
        settle()
        wanted = widget or self.window
        image = QImage(wanted.size(), QImage.Format.Format_RGB888)
        image.fill(self.window.theme.bg)
        wanted.render(image, QPoint(), QRegion())
        return image


@contextmanager
def studio(wanted: Look) -> Iterator[Studio]:
    """A studio for one piece of work; its files are gone afterwards."""
    if QCoreApplication.instance() is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        os.environ["QT_ENABLE_HIGHDPI_SCALING"] = "0"
    before = qInstallMessageHandler(_tell)
    app = make_application()
    app.setCursorFlashTime(0)
    with tempfile.TemporaryDirectory(prefix="tdxviz-studio-") as folder:
        window = MainWindow(Settings(theme=wanted.theme, scale=wanted.scale, motion=False))
        window.resize(wanted.width, wanted.height)
        window.show()
        control = start(window, Path(folder))
        made = Studio(window, control)
        try:
            made.resize(QSize(wanted.width, wanted.height))
            yield made
        finally:
            control.bridge.session.close()
            window.actions_.pop("quit", None)
            window.close()
            window.deleteLater()
            settle()
            qInstallMessageHandler(before)


def _tell(kind: QtMsgType, where: QMessageLogContext, text: str) -> None:
    """Qt's messages go to stderr, without the noise."""
    if not text.startswith(OFFSCREEN_NOISE):
        sys.stderr.write(text + "\n")


def settle() -> None:
    """Let Qt finish what it has put off."""
    for _ in range(ROUNDS):
        QApplication.sendPostedEvents()
        QApplication.processEvents()
