"""The editor: colours of a line, problems, and what came of a run. No window here."""

from functools import lru_cache
from typing import Any

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import encoder, gallery
from tdxviz.core.guest.asm.assembler import assemble
from tdxviz.core.guest.asm.errors import AssemblyError, Problem, SourceError
from tdxviz.core.guest.asm.scan import tokens
from tdxviz.core.guest.load.open import source
from tdxviz.core.host.guest_run import Outcome
from tdxviz.core.peek import vcpu

Span = tuple[int, int, str]
"""First column from 0, length, role: comment, string, number, register, directive, mnemonic, label or wrong."""


def spans(line: str) -> list[Span]:
    """What to colour in one line. Never raises: what cannot be read is ``wrong``."""
    found: list[Span] = []
    try:
        for token in tokens(line):
            role = _role(token.kind, token.text, line[token.column - 1 + len(token.text) :])
            if role:
                found.append((token.column - 1, len(token.text), role))
    except SourceError as slip:
        found.append((slip.column - 1, len(line) - slip.column + 1, "wrong"))
    return found


def _role(kind: str, text: str, rest: str) -> str:
    low = text.lower()
    if kind in ("comment", "string", "number"):
        return kind
    if kind == "char":
        return "string"
    if kind != "name":
        return ""
    if rest.startswith(":"):
        return "label"
    if low in encoder.NAMES or low == "rip":
        return "register"
    if low.startswith("."):
        return "directive"
    if encoder.is_mnemonic(low) or encoder.canonical(low) in encoder.PREFIXES:
        return "mnemonic"
    return ""


def problems(text: str) -> tuple[Problem, ...]:
    """Everything that does not assemble, by line; empty for a text that does."""
    try:
        assemble(text)
    except AssemblyError as error:
        return error.problems
    return ()


def size(text: str) -> int:
    """Bytes of code and data that the text makes; 0 if it does not assemble."""
    try:
        return sum(length for _, _, _, length in assemble(text).sections)
    except TdxvizError:
        return 0


def line_now(moment: Any, text: str) -> int:
    """Line of the text that the guest executes next, if this text is the program it runs; 0 for none."""
    entry = moment.entry
    if entry is None or entry.action.name != "program" or entry.action.args.get("source") != text:
        return 0
    rip = vcpu(moment.machine).rip
    return _lines(text).get(rip, (0, ""))[0]


@lru_cache(maxsize=4)
def _lines(text: str) -> dict[int, tuple[int, str]]:
    try:
        return source(text, "program").lines
    except TdxvizError:
        return {}


def choices() -> list[tuple[str, str]]:
    """The gallery: name and what it is good for."""
    return [(guest.name, guest.about) for guest in gallery.guests()]


def source_of(name: str) -> str:
    return gallery.guest(name).text


def ending(outcome: Outcome) -> str:
    """How a run ended, in one line."""
    return f"[{outcome.reason}: {outcome.detail}; {outcome.instructions:,} instructions]"
