"""Recording from the window: progress, the result, and a way out."""

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui.application import make_application
from tdxviz.ui.record_dialog import KINDS, RecordDialog


@pytest.fixture
def dialog(qtbot):
    make_application()
    session = Session("ci")
    session.act(Action("host.read", {"at": "password"}))
    made = RecordDialog(None, session, "dark")
    qtbot.addWidget(made)
    made.show()
    yield made
    made.reject()


def ended(dialog: RecordDialog) -> bool:
    return dialog.go.isEnabled()


def test_a_script_becomes_a_folder_of_pictures(qtbot, dialog, tmp_path) -> None:
    dialog.record(str(tmp_path / "film"))
    assert dialog.leave.text() == "Cancel"
    qtbot.waitUntil(lambda: ended(dialog), timeout=90_000)
    assert "wrote" in dialog.state.text()
    assert (tmp_path / "film" / "0001.png").exists()
    assert dialog.bar.maximum() == dialog.bar.value() > 0


def test_looks_are_chosen_and_begin_as_the_window_is(qtbot, dialog, tmp_path) -> None:
    assert dialog.theme_box.currentText() == "dark"
    dialog.theme_box.setCurrentText("contrast")
    dialog.scale_box.setCurrentText("150 %")
    dialog.size_box.setCurrentText("960x540")
    dialog.record(str(tmp_path / "film"))
    said = dialog.process.arguments()
    assert said[said.index("--theme") + 1] == "contrast"
    assert float(said[said.index("--scale") + 1]) == 1.5
    assert said[said.index("--size") + 1] == "960x540"


def test_what_goes_wrong_is_told_in_a_sentence(qtbot, dialog, tmp_path) -> None:
    dialog.record(str(tmp_path / "film.avi"))
    qtbot.waitUntil(lambda: ended(dialog), timeout=90_000)
    assert "cannot write '.avi'" in dialog.state.text()


def test_closing_cancels_and_leaves_nothing(qtbot, dialog, tmp_path) -> None:
    out = tmp_path / "film"
    dialog.record(str(out))
    qtbot.waitUntil(lambda: "frame" in dialog.said, timeout=90_000)
    dialog.reject()
    assert list(tmp_path.iterdir()) == []


def test_a_script_that_cannot_be_saved_is_told(dialog, monkeypatch, tmp_path) -> None:
    def no(path: str) -> None:
        raise TdxvizError("the disk is full")

    monkeypatch.setattr(dialog.session, "save", no)
    dialog.record(str(tmp_path / "film"))
    assert dialog.state.text() == "the disk is full"


def test_every_kind_has_an_ending_the_recorder_knows() -> None:
    assert set(KINDS.values()) == {".webm", ".mp4", ".webp", ""}
