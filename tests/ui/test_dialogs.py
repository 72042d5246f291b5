"""Dialogs open at the scale of their window and never larger than the screen."""

import pytest
from PySide6.QtWidgets import QWidget

from tdxviz.ui.dialogs import FindDialog, GoToDialog, WordsDialog
from tdxviz.ui.theme import THEMES


@pytest.mark.parametrize("scale", [1.0, 1.75, 2.5])
def test_a_dialog_grows_with_the_scale_up_to_the_screen(qtbot, scale: float) -> None:
    parent = QWidget()
    parent.theme = THEMES["light"].scaled(scale)
    qtbot.addWidget(parent)
    for dialog, width in (
        (FindDialog(parent, []), 620), (WordsDialog(parent, "Words", "text"), 640),
        (GoToDialog(parent, lambda _: ""), 460),
    ):  # fmt: skip
        screen = dialog.screen().availableGeometry()
        assert dialog.width() <= screen.width()
        assert dialog.height() <= screen.height()
        assert dialog.width() >= min(width * scale, screen.width() * 0.9) - 1
