"""Finds lessons: in the source tree beside the package, or where the wheel put them."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.session.lessons.format import Lesson, read

FILE = "lesson.md"
PACKAGE = Path(__file__).resolve().parents[2]
FOLDERS = (PACKAGE.parent / "lessons", PACKAGE / "_lessons")
"""The repository's folder, then the copy inside an installed package."""


def number(lesson: Lesson) -> str:
    """What stands before the name of its folder: ``07``; empty for a lesson without one."""
    folder = lesson.path.parent.name if lesson.path else ""
    first = folder.partition("-")[0]
    return first if first.isdecimal() else ""


class Library:
    """All lessons of a folder, in the order of their folders' names."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or next((one for one in FOLDERS if one.is_dir()), FOLDERS[0])

    @cached_property
    def paths(self) -> Sequence[Path]:
        return sorted(self.folder.glob(f"*/{FILE}"))

    @cached_property
    def lessons(self) -> Sequence[Lesson]:
        """Raises TdxvizError if one of them is broken."""
        return [read(path) for path in self.paths]

    def find(self, name: str) -> Lesson:
        """By id, by folder name, or by the number in front of it."""
        for lesson in self.lessons:
            folder = lesson.path.parent.name if lesson.path else ""
            if name in (lesson.id, folder, number(lesson)):
                return lesson
        known = [lesson.id for lesson in self.lessons]
        raise TdxvizError(f"there is no lesson {name!r}; {did_you_mean(name, known)}")

    def expand(self, name: str) -> list[str]:
        """A folder of lessons stands for all of them; everything else for itself."""
        path = Path(name)
        if path.is_dir() and not (path / FILE).exists():
            return [str(found) for found in sorted(path.glob(f"*/{FILE}"))] or [name]
        return [name]

    def locate(self, name: str) -> Lesson:
        """By path (a file or its folder), or else by name."""
        path = Path(name)
        if path.is_dir():
            path = path / FILE
        if path.is_file() or path.suffix == ".md" or len(path.parts) > 1:
            return read(path)
        return self.find(name)
