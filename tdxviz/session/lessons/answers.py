"""Questions, answers and what is said about them."""

from typing import Any

import msgspec

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.session.lessons.model import Ask

LONGEST_TEXT = 2000
SURE = 4
"""From this confidence on (1..5) a wrong prediction is worth a second look."""


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``choice`` for one option, ``blanks`` for a sentence, ``text`` for free words."""

    choice: str = ""
    blanks: dict[str, str] = {}
    text: str = ""
    confidence: int = 0
    """1 (a guess) to 5 (sure); 0: not asked."""
    reason: str = ""


def checked(ask: Ask, answer: Answer) -> Answer:
    """Raises TdxvizError when the answer does not belong to the question."""
    if ask.type == "choice":
        _one_of(answer.choice, [option.id for option in ask.options], "option")
    elif ask.type == "cloze":
        for blank in ask.blanks:
            _one_of(answer.blanks.get(blank.id, ""), blank.options, f"word for {blank.id!r}")
    elif not answer.text.strip():
        raise TdxvizError("write a sentence of your own first")
    if ask.reason == "required" and not answer.reason.strip():
        raise TdxvizError("say in one line why you think so")
    if not 0 <= answer.confidence <= 5:
        raise TdxvizError("confidence goes from 1 to 5")
    return msgspec.structs.replace(
        answer, text=answer.text[:LONGEST_TEXT], reason=answer.reason[:LONGEST_TEXT]
    )


def _one_of(given: str, known: list[str], what: str) -> None:
    if given not in known:
        raise TdxvizError(f"there is no {what} {given!r}; {did_you_mean(given, known)}")


def is_correct(ask: Ask, answer: Answer) -> bool | None:
    """None where no machine grades."""
    if ask.type == "choice":
        return any(option.correct for option in ask.options if option.id == answer.choice)
    if ask.type == "cloze":
        return all(answer.blanks.get(blank.id) == blank.answer for blank in ask.blanks)
    return None


def right_answer(ask: Ask) -> Answer:
    """The worked answer."""
    if ask.type == "choice":
        return Answer(choice=next((option.id for option in ask.options if option.correct), ""))
    if ask.type == "cloze":
        return Answer(blanks={blank.id: blank.answer for blank in ask.blanks})
    return Answer(text="(worked answer)")


def from_move(ask: Ask, raw: dict[str, Any]) -> Answer:
    """The answer an ``auto: {do: answer, ...}`` gives."""
    right = right_answer(ask)
    return Answer(
        choice=str(raw.get("is", right.choice)),
        blanks=raw.get("blanks", right.blanks),
        text=str(raw.get("text", right.text)),
    )
