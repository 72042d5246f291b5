"""Reads one ``lesson.md``: front matter, then headings that bind prose to ids."""

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.session.lessons import model as m
from tdxviz.session.lessons import safe_yaml
from tdxviz.session.lessons.model import FORMAT, Ask, Front, Step

PARTS: dict[str, type[m.Part]] = {
    "": Front, "steps": Step, "ask": Ask, "options": m.Option, "blanks": m.Blank,
    "focus": m.Pointer, "pull": m.Pull, "world": m.Stage, "truth": m.Truth,
    "anchors": m.Anchor, "misconception": m.Misconception,
}  # fmt: skip
"""Key in the front matter -> what may stand below it."""
LARGEST = 256 * 1024
FENCE = "---"
OPTION = re.compile(r"^[-*] ([A-Za-z0-9_]+): (.*)$")
HEADING = re.compile(r"^# ([A-Za-z0-9_.-]+)\s*$")
ANCHOR_LINK = re.compile(r"\[\[([A-Za-z0-9_]+)\]\]")


@dataclass(frozen=True)
class Lesson:
    """``sections``: Markdown by heading (``hook``, a step's id, ``feedback.b``, ``hint.h1``)."""

    front: Front
    sections: dict[str, str]
    path: Path | None = None

    @property
    def id(self) -> str:
        return self.front.id

    @property
    def title(self) -> str:
        return self.front.title

    @property
    def steps(self) -> list[Step]:
        return self.front.steps

    def text(self, step: Step) -> str:
        """The step's prose without its option lines."""
        rows = self.sections.get(step.id, "").splitlines()
        return "\n".join(row for row in rows if not _option(row, step.ask)).strip()

    def option_texts(self, step: Step) -> dict[str, str]:
        """Option id -> its words, in the order of the front matter."""
        rows = self.sections.get(step.id, "").splitlines()
        found = dict(filter(None, (_option(row, step.ask) for row in rows)))
        ids = [option.id for option in step.ask.options] if step.ask else []
        return {option: found[option] for option in ids if option in found}

    def feedback(self, step: Step, option: str) -> str:
        """``feedback.<step>.<option>``; for the first question also ``feedback.<option>``."""
        own = self.sections.get(f"feedback.{step.id}.{option}", "")
        if own or step is not self.first_question:
            return own
        return self.sections.get(f"feedback.{option}", "")

    @property
    def questions(self) -> list[Step]:
        return [step for step in self.steps if step.ask and step.ask.type == "choice"]

    @property
    def first_question(self) -> Step | None:
        return next(iter(self.questions), None)


def _option(row: str, ask: Ask | None) -> tuple[str, str] | None:
    match = OPTION.match(row.strip())
    if match is None or ask is None or match[1] not in {option.id for option in ask.options}:
        return None
    return match[1], match[2].strip()


def read(path: Path) -> Lesson:
    """Raises TdxvizError starting with the file's name."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TdxvizError(f"{path}: cannot be read ({reason})") from None
    try:
        lesson = parse(data)
    except TdxvizError as error:
        raise TdxvizError(f"{path}: {error}") from None
    return Lesson(lesson.front, lesson.sections, path)


def parse(data: bytes) -> Lesson:
    """Raises TdxvizError saying which line or which key is wrong."""
    if len(data) > LARGEST:
        raise TdxvizError(f"larger than the limit of {LARGEST} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TdxvizError(f"not UTF-8 text (byte {error.start})") from None
    rows = text.removeprefix("\ufeff").splitlines()
    if not rows or rows[0].strip() != FENCE:
        raise TdxvizError("line 1: a lesson begins with a line '---' and its front matter")
    end = next((n for n, row in enumerate(rows[1:], 1) if row.strip() == FENCE), None)
    if end is None:
        raise TdxvizError("the front matter is not closed by a line '---'")
    raw = safe_yaml.load("\n".join(rows[1:end]), first_line=2)
    return Lesson(_front(raw), _sections(rows[end + 1 :], end + 2))


def _front(raw: object) -> Front:
    if not isinstance(raw, dict):
        raise TdxvizError("line 2: the front matter must be a mapping of keys to values")
    if raw.get("format") != FORMAT:
        raise TdxvizError(f"format: {raw.get('format')!r} is not {FORMAT!r}")
    try:
        front = msgspec.convert(raw, Front)
    except msgspec.ValidationError as error:
        raise TdxvizError(_explain(str(error))) from None
    ids = [step.id for step in front.steps]
    for step in ids:
        if ids.count(step) > 1:
            raise TdxvizError(f"steps: the id {step!r} is there twice")
    return front


def _explain(message: str) -> str:
    """``path: problem`` from msgspec's ``problem - at `$.path` ``, with the nearest right name."""
    problem, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    found = re.search(r"unknown field `([^`]*)`", problem)
    if found:
        names = _fields(path)
        problem = f"unknown key {found[1]!r}; {did_you_mean(found[1], names)}"
    return f"{path}: {problem}" if path else problem


def _fields(path: str) -> list[str]:
    """The keys that are allowed at a path like ``steps[0].ask``."""
    names = [name for name in re.findall(r"[A-Za-z_]+", path) if name in PARTS]
    return list(PARTS[names[-1] if names else ""].__struct_encode_fields__)


def _sections(rows: list[str], first_line: int) -> dict[str, str]:
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, row in enumerate(rows, first_line):
        heading = HEADING.match(row)
        if heading is None:
            if current is not None:
                current.append(row)
            elif row.strip():
                raise TdxvizError(f"line {number}: text before the first heading")
            continue
        if heading[1] in sections:
            raise TdxvizError(f"line {number}: the heading {heading[1]!r} is there twice")
        current = sections.setdefault(heading[1], [])
    return {name: "\n".join(lines).strip() for name, lines in sections.items()}
