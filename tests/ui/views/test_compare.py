"""Two worlds side by side, or one of them, or only what differs."""

from PySide6.QtCore import Qt

from tdxviz.ui.theme import LIGHT
from tdxviz.ui.views.compare import BOTH, LEFT, OVERLAY, RIGHT, ComparePanel
from tests.ui import stage_kit as kit


def test_one_side_alone_and_both_again(qtbot) -> None:
    panel = kit.shown(ComparePanel, kit.bridge(), LIGHT, (900, 500))
    qtbot.addWidget(panel)
    panel.show()
    for name, left, right in ((LEFT, True, False), (RIGHT, False, True), (BOTH, True, True)):
        qtbot.mouseClick(panel.ways[name], Qt.MouseButton.LeftButton)
        assert (panel.left.isVisible(), panel.right.isVisible()) == (left, right)
        assert [n for n, button in panel.ways.items() if button.isChecked()] == [name]


def test_differences_leave_out_what_both_share(qtbot) -> None:
    panel = kit.shown(ComparePanel, kit.bridge(), LIGHT, (900, 500))
    qtbot.addWidget(panel)
    panel.show()
    side = panel.right.side
    panel.right.show_side(side, against=side)  # the same on both sides
    everything = panel.right.grab().toImage()
    qtbot.mouseClick(panel.ways[OVERLAY], Qt.MouseButton.LeftButton)
    nothing = panel.right.grab().toImage()
    assert nothing != everything
    qtbot.mouseClick(panel.ways[BOTH], Qt.MouseButton.LeftButton)
    assert panel.right.grab().toImage() == everything
