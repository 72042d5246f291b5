"""What goes wrong while painting costs one picture, and never the application."""

import ast
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

import tdxviz
from tdxviz.ui.panel import Panel
from tdxviz.ui.panels import PANELS
from tdxviz.ui.studio import look, settle, studio
from tdxviz.ui.views.stage_brush import Brush
from tdxviz.ui.widgets.painting import painting

SOURCE = Path(tdxviz.__file__).parent


@pytest.fixture(scope="module")
def made():
    with studio(look("900x600")) as found:
        found.control.sandbox()
        yield found


def test_the_painter_is_closed_after_an_exception(qapp) -> None:
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    with pytest.raises(ZeroDivisionError), painting(image) as painter:
        assert painter.isActive()
        raise ZeroDivisionError
    assert not painter.isActive()
    assert not image.paintingActive()


def test_nobody_opens_a_painter_in_another_way() -> None:
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "QPainter":
                found.append(path.relative_to(SOURCE).as_posix())
    assert found == ["ui/widgets/painting.py"]


@pytest.mark.parametrize("name", [row.name for row in PANELS if row.exists])
def test_a_panel_survives_an_exception_planted_in_its_paint(monkeypatch, made, name: str) -> None:
    panel = made.window.workspace.panel(name)
    made.window.workspace.reveal(name)
    settle()

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("planted")

    own_text = type(panel).paint_on is not Panel.paint_on and name != "compare"  # that one paints a ground
    monkeypatch.setattr(panel, "paint_on", broken)
    with pytest.raises(ZeroDivisionError, match="planted"):
        panel.grab()
    assert not panel.paintingActive()
    monkeypatch.undo()
    if own_text:  # half-way through, with the painter in use
        monkeypatch.setattr(Brush, "text", broken)
        with pytest.raises(ZeroDivisionError, match="planted"):
            panel.grab()
        assert not panel.paintingActive()
        monkeypatch.undo()
    assert not panel.grab().isNull()
