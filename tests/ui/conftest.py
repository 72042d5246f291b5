"""Tests of the interface need no screen."""

import os

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def window(qtbot, tmp_path):
    """The app's window with everything loaded, at the smallest size that it must serve."""
    from tdxviz import app  # after the line above has chosen the platform

    app.make_application()
    made = app.open_window(tmp_path)
    qtbot.addWidget(made)
    qtbot.waitUntil(lambda: made.control is not None, timeout=10_000)
    made.resize(1280, 720)
    made.activateWindow()
    yield made
    made.close()
