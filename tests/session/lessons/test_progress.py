import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxviz.session.lessons.answers import Answer
from tdxviz.session.lessons.progress import FILE, LessonProgress, Progress


def test_progress_survives(tmp_path):
    first = Progress(tmp_path)
    answers = {"predict": Answer(choice="a", confidence=4)}
    first.note("small", LessonProgress("look", ["predict"], answers=answers))
    first.note("small", LessonProgress("look", ["look"], complete=True, changed_mind=True))
    again = Progress(tmp_path).of("small")
    assert again.done == ["predict", "look"]
    assert again.complete and again.answers["predict"].confidence == 4
    assert Progress(tmp_path).changed_minds == 1
    first.forget("small")
    assert Progress(tmp_path).of("small").done == []


def test_without_a_folder_it_stays_in_memory():
    progress = Progress()
    progress.note("small", LessonProgress("x", ["x"]))
    assert progress.of("small").done == ["x"]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"schema":2}', b"\xff", b'{"lessons":{"a":1}}'])
def test_a_corrupt_file_is_moved_aside_with_a_notice(tmp_path, data):
    (tmp_path / FILE).write_bytes(data)
    progress = Progress(tmp_path)
    assert "moved" in progress.notice
    assert (tmp_path / (FILE + ".broken")).read_bytes() == data
    progress.note("small", LessonProgress("x", ["x"]))
    assert Progress(tmp_path).of("small").done == ["x"]


def test_an_unwritable_folder_is_told_and_nothing_is_lost(tmp_path):
    (tmp_path / "file").write_text("")
    progress = Progress(tmp_path / "file" / "inside")
    progress.note("small", LessonProgress("x", ["x"]))
    assert progress.notice
    assert progress.of("small").done == ["x"]


@given(data=st.binary(max_size=200))
def test_no_bytes_ever_crash_it(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("progress")
    (folder / FILE).write_bytes(data)
    Progress(folder).note("small", LessonProgress("x", ["x"]))
    assert Progress(folder).of("small").done == ["x"]
