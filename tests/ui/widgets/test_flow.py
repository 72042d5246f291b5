"""Words and gaps wrap inside their width and never overlap."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication, QLabel

from tdxviz.ui.widgets.flow import Flow


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=20), st.integers(120, 500))
def test_words_stay_inside_and_apart(qtbot, words: list[str], width: int) -> None:
    flow = Flow(5)
    labels = [QLabel(word) for word in words]
    for label in labels:
        flow.add(label)
    height = flow.layout().heightForWidth(width)
    flow.resize(width, height)
    flow.show()
    QApplication.processEvents()
    shapes = [label.geometry() for label in labels]
    assert all(flow.rect().contains(shape) for shape in shapes)
    assert not any(a.intersects(b) for n, a in enumerate(shapes) for b in shapes[n + 1 :])
    flow.deleteLater()


def test_a_narrow_sentence_needs_more_lines(qtbot) -> None:
    flow = Flow(5)
    qtbot.addWidget(flow)
    for word in ["one", "two", "three", "four", "five", "six"]:
        flow.add(QLabel(word))
    layout = flow.layout()
    assert layout.heightForWidth(80) > layout.heightForWidth(800)
