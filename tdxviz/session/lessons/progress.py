"""What the learner has done so far: one small JSON file, replaced as a whole."""

from pathlib import Path

import msgspec

from tdxviz.core.faults import TdxvizError
from tdxviz.session.journal import write_file
from tdxviz.session.lessons.answers import Answer

FILE = "progress.json"
LARGEST = 4 * 1024 * 1024


class LessonProgress(msgspec.Struct, forbid_unknown_fields=True):
    """``step``: id of the step the learner was at. ``changed_minds``: predictions proved wrong."""

    step: str = ""
    done: list[str] = []
    complete: bool = False
    answers: dict[str, Answer] = {}


class Everything(msgspec.Struct, forbid_unknown_fields=True):
    schema: int = 1
    lessons: dict[str, LessonProgress] = {}


class Progress:
    """``folder`` None keeps it in memory. Never raises because of a bad or unwritable file."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = None if folder is None else folder / FILE
        self.notice = ""
        """What the learner should be told about the file; empty while all is well."""
        self._all = self._read()

    def of(self, lesson: str) -> LessonProgress:
        return self._all.lessons.get(lesson, LessonProgress())

    def note(
        self, lesson: str, step: str, done: list[str], answers: dict[str, Answer], complete: bool
    ) -> None:
        old = self.of(lesson)
        kept = [*old.done, *(one for one in done if one not in old.done)]
        new = LessonProgress(step, kept, complete or old.complete, {**old.answers, **answers})
        if msgspec.json.encode(new) != msgspec.json.encode(old):
            self._all.lessons[lesson] = new
            self._write()

    def forget(self, lesson: str) -> None:
        if self._all.lessons.pop(lesson, None) is not None:
            self._write()

    def _read(self) -> Everything:
        if self.path is None:
            return Everything()
        try:
            with open(self.path, "rb") as file:
                data = file.read(LARGEST + 1)
        except FileNotFoundError:
            return Everything()
        except OSError as error:
            self.notice = f"{self.path}: cannot be read ({error.strerror or error})."
            return Everything()
        try:
            if len(data) > LARGEST:
                raise ValueError("too large")
            found = msgspec.json.decode(data, type=Everything)
            if found.schema != 1:
                raise ValueError(f"schema {found.schema}")
            return found
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            self._set_aside(str(error))
            return Everything()

    def _set_aside(self, why: str) -> None:
        assert self.path is not None
        broken = self.path.with_name(self.path.name + ".broken")
        try:
            self.path.replace(broken)
            self.notice = f"{self.path} was not readable ({why}); it was moved to {broken.name}."
        except OSError:
            self.notice = f"{self.path} is not readable ({why}); a new one replaces it."

    def _write(self) -> None:
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self.path, msgspec.json.encode(self._all))
        except (TdxvizError, OSError) as error:
            self.notice = f"Progress is not saved: {error}."
