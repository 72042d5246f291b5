"""Views as PNG files, without a display."""

from argparse import Namespace
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from tdxviz.core.faults import TdxvizError
from tdxviz.ui import screenshot


def take(folder: Path, **more: object) -> int:
    asked = {"view": "all", "theme": "light", "scale": 1.0, "size": "1280x720", "world": "ci", "lesson": ""}
    return screenshot.main(Namespace(output=str(folder), **{**asked, **more}))


def colours(path: Path) -> int:
    """Different colours in a coarse grid of the picture."""
    image = QImage(str(path))
    assert not image.isNull()
    return len({image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)})


def test_every_view_is_painted(tmp_path, capsys) -> None:
    assert take(tmp_path, lesson="who-reads", theme="dark") == 0
    names = {path.stem for path in tmp_path.iterdir()}
    assert names == set(screenshot.views())
    assert {"stage", "timeline", "window-workbench", "start"} <= names
    assert all(colours(path) > 3 for path in tmp_path.iterdir())
    assert str(len(names)) in capsys.readouterr().out


def test_worlds_look_different_and_runs_look_the_same(tmp_path) -> None:
    for name, world in (("a", "ci"), ("b", "ci"), ("c", "legacy")):
        take(tmp_path / name, view="eyes", world=world)
    a, b, c = ((tmp_path / name / "eyes.png").read_bytes() for name in "abc")
    assert a == b != c


def test_size_is_that_of_the_window(tmp_path) -> None:
    take(tmp_path, view="window-stage", size="1600x900", scale=1.25)
    made = QImage(str(tmp_path / "window-stage.png"))
    assert (made.width(), made.height()) == (1600, 900)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"view": "stag"}, "did you mean 'stage'"),
        ({"size": "big"}, "must look like"),
        ({"lesson": "nothing-here"}, "there is no lesson"),
    ],
)
def test_mistakes_are_told(tmp_path, more: dict, words: str) -> None:
    with pytest.raises(TdxvizError, match=words):
        take(tmp_path, **more)


def test_a_folder_that_cannot_be_made_is_told(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TdxvizError, match="cannot be made"):
        take(tmp_path / "file" / "below", view="eyes")
