"""What the lesson panel shows, as plain data: buttons, ticks, headings."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

PHASES = {
    "hook": "THE QUESTION", "predict": "PREDICT", "observe": "OBSERVE", "contrast": "CONTRAST",
    "explain": "EXPLAIN", "recall": "RECALL",
}  # fmt: skip

WORLD_WORDS = {"legacy": "legacy VM", "li": "TDX · Li", "ci": "TDX · Ci"}

MOVE_WORDS = {
    "host.load": "Host reads {at}", "host.store": "Host overwrites {at}",
    "host.registers": "Host looks at the registers", "cache.evict": "Push {at} out of the cache",
    "dma.read": "Device reads {at}", "dma.write": "Device overwrites {at}",
    "bus.probe": "Probe records {at}", "bus.replay": "Probe replays {at}",
    "bit.flip": "Probe flips one bit of {at}", "td.run": "Run the guest",
    "td.run_until": "Run the guest until it uses {at}", "td.interrupt": "Interrupt the guest",
    "attack": "Play the attack", "td.enter": "Enter the guest for {steps}",
    "predictor.train": "Host trains {label} → {to}", "vp.write": "Host writes the guest's {register}",
    "cache.flush": "Host flushes {count} lines", "cache.time": "Host times {count} lines",
}  # fmt: skip
AIMED = ("predictor.train", "vp.write", "cache.flush", "cache.time")
"""Moves that mean nothing without what the author aims them at."""


@dataclass(frozen=True, slots=True)
class MoveButton:
    words: str
    moves: tuple[dict[str, Any], ...]


def move_buttons(player: Any) -> list[MoveButton]:
    """What the learner can do in this step: the moves that its author opens, aimed for them."""
    step = player.step
    if step.phase not in ("observe", "contrast"):
        return []
    if player.contrast_world is not None and any(m.get("do") == "contrast" for m in player.worked_solution()):
        words = f"Same actions, {WORLD_WORDS[player.contrast_world]}"
        rest = [m for m in player.worked_solution() if m.get("do") != "contrast"]
        contrast, others = MoveButton(words, ({"do": "contrast"},)), _buttons(m for m in rest if _usable(m))
        return [*others, contrast] if step.fresh else [contrast, *others]
    auto = [m for m in player.worked_solution() if _usable(m)]
    buttons = _buttons(auto)
    have = {move["do"] for move in auto}
    target = step.focus.select if step.focus else ""
    for name in step.allow:
        if name in have or name not in MOVE_WORDS or name in AIMED:
            continue
        move: dict[str, Any] = {"do": name}
        if name == "td.run_until":
            move |= {"td": "A", "event": "mem.read", "line": target}
        elif "{at}" in MOVE_WORDS[name]:
            move["target"] = target
        elif name == "td.run":
            move["steps"] = 60
        if "{at}" not in MOVE_WORDS[name] or target:
            buttons.append(_button(move))
    return buttons


def first_to_do(player: Any) -> str:
    """Name of the widget on which the keyboard belongs: what the step still wants, else Continue."""
    question = player.question
    if player.check().holds and (question is None or player.step.id in player.quiz.answers):
        return "continue_step"
    if question is not None:
        kind = question.ask.type
        first = next(iter(question.options), "") if kind == "choice" else ""
        return {
            "choice": f"option_{first}", "text": "own_words",
            "cloze": f"blank_{question.ask.blanks[0].id}" if question.ask.blanks else "answer",
        }[kind]  # fmt: skip
    return "move_0" if move_buttons(player) else "continue_step"


def _usable(move: dict[str, Any]) -> bool:
    return move.get("do") in MOVE_WORDS


def _buttons(moves: Iterable[dict[str, Any]]) -> list[MoveButton]:
    """One a move, in order; a move that comes twice has one button."""
    made: list[MoveButton] = []
    for move in moves:
        button = _button(move)
        if button not in made:
            made.append(button)
    return made


def _button(move: dict[str, Any]) -> MoveButton:
    at = move.get("target") or move.get("line") or ""
    steps = move.get("steps", 1)
    words = MOVE_WORDS[move["do"]].format_map(
        {"to": "", "label": "", "count": 256, "register": "RIP"} | move
        | {"at": f"the {at}" if at else "it", "steps": f"{steps} instruction{'' if steps == 1 else 's'}"}
    )  # fmt: skip
    if move.get("vcpu"):
        words = words.replace("the guest", f"vCPU {move['vcpu']}")
    if move["do"] == "attack":
        words = f"Play: {move.get('id', '')}"
    if move["do"] == "td.run" and move.get("label"):
        words = f"Run the guest until {move['label']}"
    return MoveButton(words, (move,))


def terms(text: str, glossary: Iterable[str], most: int = 4) -> list[str]:
    """Words of the glossary that a text uses, in its order."""
    found = []
    for term in glossary:
        case = 0 if term.isupper() or len(term) < 3 else re.IGNORECASE
        place = re.search(rf"(?<![\w-]){re.escape(term)}(?![\w])", text, case)
        if place:
            found.append((place.start(), term))
    return [term for _, term in sorted(found)[:most]]


def with_anchors(text: str) -> str:
    """``[[name]]`` becomes a link that selects the place."""
    out, rest = "", text
    while "[[" in rest and "]]" in rest:
        before, _, tail = rest.partition("[[")
        name, _, rest = tail.partition("]]")
        out += f"{before}[{name}](anchor:{name})"
    return out + rest


def body(text: str, options: dict[str, str]) -> str:
    """The prose without the list of options, which are drawn as buttons."""
    lines = [
        line for line in text.splitlines() if not any(line.strip().startswith(f"- {key}:") for key in options)
    ]
    return with_anchors("\n".join(lines))


def cloze_parts(text: str, blanks: list[str]) -> list[tuple[str, str]]:
    """Text cut at its gaps: (words before, blank id); the last pair has an empty id."""
    parts: list[tuple[str, str]] = []
    rest = text
    while True:
        found = [(rest.find("{" + b + "}"), b) for b in blanks if "{" + b + "}" in rest]
        if not found:
            return [*parts, (rest, "")]
        at, blank = min(found)
        parts.append((rest[:at], blank))
        rest = rest[at + len(blank) + 2 :]
