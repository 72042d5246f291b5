import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.session.lessons.library import Library, number


def test_lessons_are_found_by_id_folder_and_number():
    library = Library()
    lesson = library.find("who-reads")
    assert library.find("01-who-reads") is lesson
    assert library.find("01") is lesson
    assert library.locate("who-reads") is lesson
    assert library.locate(str(lesson.path)).id == lesson.id
    assert library.locate(str(lesson.path.parent)).id == lesson.id
    with pytest.raises(TdxvizError, match="did you mean 'who-reads'"):
        library.find("who-read")


def test_the_number_is_the_folders_and_finds_the_lesson():
    library = Library()
    numbers = [number(lesson) for lesson in library.lessons]
    assert "07" in numbers and len(set(numbers)) == len(numbers)
    assert library.find("07").id == "life-of-a-key"


def test_a_folder_stands_for_all_lessons_in_it():
    library = Library()
    assert library.expand(str(library.folder)) == [str(path) for path in library.paths]
    assert library.expand("tour") == ["tour"]


def test_an_empty_folder_has_none(tmp_path):
    library = Library(tmp_path)
    assert list(library.lessons) == []
    assert library.expand(str(tmp_path)) == [str(tmp_path)]


def test_every_lesson_requires_only_earlier_ones():
    known: set[str] = set()
    for lesson in Library().lessons:
        assert set(lesson.front.requires) <= known
        known.add(lesson.id)


def test_every_task_has_three_hints():
    for lesson in Library().lessons:
        for step in lesson.steps:
            assert step.check is None or len(step.hints) == 3, (lesson.id, step.id)
