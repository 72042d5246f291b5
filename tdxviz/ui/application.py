"""The QApplication with our fonts: the same for the window, for screenshots and for recordings."""

import sys
from pathlib import Path

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QApplication

ASSETS = Path(__file__).parent / "assets"


def make_application() -> QApplication:
    """The QApplication, with our fonts and the Fusion style."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(sys.argv[:1])
    app.setApplicationName("tdxviz")
    app.setDesktopFileName("tdxviz")
    app.setStyle("Fusion")
    for font in sorted((ASSETS / "fonts").glob("*.ttf")):
        QFontDatabase.addApplicationFont(str(font))
    return app


def set_icon() -> None:
    """The window's icon; the SVG reader is loaded with it, so this waits for the first paint."""
    icon = ASSETS / "tdxviz.svg"
    app = QApplication.instance()
    if icon.exists() and isinstance(app, QApplication):
        from PySide6.QtGui import QIcon

        app.setWindowIcon(QIcon(str(icon)))
