"""The demo that a lesson or a script gets when nobody wrote one: cues as text."""

import re
from collections.abc import Sequence

from tdxviz.session.lessons.format import Lesson
from tdxviz.session.timeline import Entry
from tdxviz.ui.present.lesson import PHASES
from tdxviz.ui.record_cues import HEADER

LONGEST_CAPTION = 150
CHARACTERS_A_SECOND = 16
SHORTEST_READING, LONGEST_READING = 2.5, 8.0
WALK = "over 3s"
MARKUP = re.compile(r"[*`]{1,3}|\[\[|\]\]|^[>#-]+ ?", re.MULTILINE)
BLANK = re.compile(r"\{[A-Za-z0-9_]+\}")
SENTENCE = re.compile(r"(?<=[.!?])\s+")


def of_lesson(lesson: Lesson, name: str) -> str:
    """Every step: its question or task, then its worked solution. ``name``: id or path."""
    rows = [HEADER, f"lesson {quoted(name)}"]
    for step in lesson.steps:
        caption = first_words(lesson.text(step)) or lesson.title
        rows.append(f"chapter {quoted(PHASES.get(step.phase, step.id).capitalize())}")
        rows.append(f"caption {quoted(caption)}  step {step.id}  hold {reading_time(caption):g}s")
        if step.auto is not None:
            rows.append(f"do {step.id} {WALK}  hold 2s")
        elif step.ask is not None or step.pull is not None:
            rows.append(f"do {step.id}  hold 2s")
    return "\n".join(rows) + "\n"


def of_script(path: str, entries: Sequence[Entry]) -> str:
    """Every action: its events pass by, then its verdict if it was an attack."""
    rows = [HEADER, f"script {quoted(path)}", "go 0  hold 1s"]
    for entry in entries:
        rows.append(f"chapter {quoted(entry.title)}  caption {quoted(entry.title)}")
        rows.append(f"go {entry.end_event} {WALK}{'  banner' if entry.verdict else ''}  hold 2s")
    return "\n".join(rows) + "\n"


def quoted(text: str) -> str:
    flat = " ".join(text.split())
    return '"' + flat.replace("\\", "\\\\").replace('"', '\\"') + '"'


def first_words(markdown: str) -> str:
    """Whole sentences from the beginning, as many as fit a caption; without markup."""
    plain = " ".join(BLANK.sub("…", MARKUP.sub("", markdown.partition("\n- ")[0])).split())
    made = ""
    for sentence in SENTENCE.split(plain):
        if made and len(made) + len(sentence) >= LONGEST_CAPTION:
            break
        made = f"{made} {sentence}".strip()
    return made if len(made) <= LONGEST_CAPTION else made[: LONGEST_CAPTION - 2].rsplit(" ", 1)[0] + " …"


def reading_time(caption: str) -> float:
    """Whole half seconds."""
    return min(max(round(2 * len(caption) / CHARACTERS_A_SECOND) / 2, SHORTEST_READING), LONGEST_READING)
