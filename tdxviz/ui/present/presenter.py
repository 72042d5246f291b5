"""What the presenter's page shows: which panels, which caption, what the speaker reads. Plain data."""

import re
from dataclasses import dataclass
from typing import Any

from tdxviz.ui.present.lesson import PHASES

MOST = 6
"""Panels within reach of the keys 1 to 6."""
USUAL = ("stage", "eyes", "compare", "line", "sept", "vcpu", "exit")
APART = frozenset({"lesson", "attacks", "console", "verdict", "editor", "plots", "ribbon", "leaf_inspector"})
"""For hands on the keyboard, not for an audience; the verdict has its own place."""
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
MARKS = re.compile(r"\[\[|\]\]|[*_`#>]")


def lineup(names: list[str]) -> tuple[str, ...]:
    """The panels of a layout that are for an audience, filled up with the usual ones."""
    wanted = [name for name in (*names, *USUAL) if name not in APART]
    return tuple(dict.fromkeys(wanted))[:MOST]


@dataclass(frozen=True, slots=True)
class Caption:
    """``heading``: phase or action; ``words``: one or two sentences."""

    heading: str
    words: str


def caption(moment: Any, player: Any) -> Caption:
    """The lesson's step in a sentence, or what is being done."""
    if player is None:
        where = f"event {moment.index} of {moment.total}" if moment.total else "nothing has happened yet"
        return Caption(moment.chapter or "Free play", where)
    step = f"{PHASES[player.step.phase]} · {player.position + 1} of {len(player.steps)}"
    return Caption(step, first_sentences(player.text))


def first_sentences(text: str, most: int = 2) -> str:
    """The beginning of a Markdown text, as plain words."""
    prose = next((part for part in text.split("\n\n") if part.strip() and part.strip()[0] not in "-|#"), "")
    return " ".join(SENTENCE.split(MARKS.sub("", " ".join(prose.split())))[:most])


@dataclass(frozen=True, slots=True)
class Poll:
    """A question to the audience: its words, and its options by letter."""

    words: str
    options: tuple[tuple[str, str], ...]


def poll(player: Any) -> Poll | None:
    """The step's question with choices, as long as nobody has answered it."""
    if player is None:
        return None
    question = player.question
    if question is None or question.ask.type != "choice" or player.step.id in player.quiz.answers:
        return None
    text = question.text if player.step.pull else player.text
    options = tuple(question.options.items())
    lines = [
        one for one in text.splitlines() if not any(one.strip().startswith(f"- {k}:") for k, _ in options)
    ]
    return Poll(MARKS.sub("", "\n".join(lines)).strip(), options)


def notes(player: Any) -> str:
    """For the speaker alone, Markdown: the step's whole text, its hints, what comes next."""
    if player is None:
        return "Free play. Page Down goes to the end of the next action, Page Up to the one before."
    step = player.step
    hints = [player.lesson.sections.get(f"hint.{name}", "") for name in step.hints]
    parts = [f"**{PHASES[step.phase]}**", MARKS.sub("", player.text)]
    parts += [f"*Hint:* {MARKS.sub('', hint)}" for hint in hints if hint]
    after = player.steps[player.position + 1] if not player.is_last else None
    parts.append(f"**Next:** {PHASES[after.phase]}" if after else "**This is the last step.**")
    return "\n\n".join(parts)


def clock(seconds: float) -> str:
    """``7:05``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
