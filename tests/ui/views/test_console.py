"""The console's log and the other views point at the same events."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextCharFormat

from tdxviz.session.moment import Focus
from tdxviz.ui.theme import LIGHT
from tdxviz.ui.views.console import ConsolePanel
from tests.ui import stage_kit as kit


def made(qtbot) -> ConsolePanel:
    panel = kit.shown(ConsolePanel, kit.bridge(), LIGHT, (700, 300))
    qtbot.addWidget(panel)
    return panel


def numbers(panel) -> list[int]:
    lines = panel.log.toPlainText().splitlines()
    return [int(line.split()[0][1:]) for line in lines if line.startswith("#")]


def test_an_event_chosen_elsewhere_is_marked_in_the_log(qtbot) -> None:
    panel = made(qtbot)
    number = numbers(panel)[-1]
    panel.bridge.select(Focus(event=number))
    (mark,) = panel.log.extraSelections()
    assert mark.cursor.selectedText().startswith(f"#{number} ")
    panel.bridge.hover(Focus(event=numbers(panel)[0]))
    styles = [one.format.underlineStyle() for one in panel.log.extraSelections()]
    assert QTextCharFormat.UnderlineStyle.DashUnderline in styles and len(styles) == 2
    panel.bridge.hover(Focus(event=0))  # not printed
    assert len(panel.log.extraSelections()) == 1
    panel.bridge.hover(None)


def test_pointing_at_a_line_of_the_log_points_everywhere(qtbot) -> None:
    panel = made(qtbot)
    number = numbers(panel)[-1]
    panel.log.highlighted.emit(QUrl(f"event:{number}"))
    assert panel.bridge.moment.hover == Focus(hpa=panel.bridge.session.events[number].hpa, event=number)
    panel.log.highlighted.emit(QUrl())
    assert panel.bridge.moment.hover is None
