"""What the learner has done so far: one small JSON file, replaced as a whole."""

from pathlib import Path

import msgspec

from tdxviz.core.faults import TdxvizError
from tdxviz.session.journal import write_file
from tdxviz.session.lessons.answers import Answer

FILE = "progress.json"
LARGEST = 4 * 1024 * 1024


class LessonProgress(msgspec.Struct, forbid_unknown_fields=True):
    """``step``: id of the step the learner was at. ``done``: ids of completed steps."""

    step: str = ""
    done: list[str] = []
    complete: bool = False
    changed_mind: bool = False
    """The prediction was wrong and the explanation right: what the score counts."""
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

    def note(self, lesson: str, now: LessonProgress) -> None:
        """Add to what is known of a lesson; what was done once stays done."""
        old = self.of(lesson)
        new = LessonProgress(
            now.step,
            [*old.done, *(one for one in now.done if one not in old.done)],
            now.complete or old.complete,
            now.changed_mind or old.changed_mind,
            {**old.answers, **now.answers},
        )
        if new != old:
            self._all.lessons[lesson] = new
            self._write()

    @property
    def changed_minds(self) -> int:
        """The score: in how many lessons the machine taught the learner better."""
        return sum(one.changed_mind for one in self._all.lessons.values())

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
