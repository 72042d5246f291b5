"""A source text as a flat list of statements: comments gone, ``.include`` and ``.rept`` written out."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tdxviz.core.guest.asm.errors import Problem, SourceError
from tdxviz.core.guest.asm.expression import Stream, Value, parse
from tdxviz.core.guest.asm.scan import Token, statements, without_block_comments

LONGEST_TEXT = 1 << 20
MOST_STATEMENTS = 100_000
BLOCK = (".rept", ".endr")
"""A label before one of these is a statement of its own."""


class Statement(NamedTuple):
    """``line`` counts from 1; ``text`` is the line without its comment."""

    line: int
    tokens: list[Token]
    text: str

    @property
    def first(self) -> str:
        return self.tokens[0].text.lower()


def read(text: str, problems: list[Problem], includes: Mapping[str, bytes]) -> list[Statement]:
    """All statements; what cannot be read goes into ``problems``. ``.include`` knows ``includes`` and no file."""
    if len(text) > LONGEST_TEXT:
        problems.append(Problem(1, 1, f"the source has {len(text)} characters; {LONGEST_TEXT} is the most"))
        return []
    flat: list[Statement] = []
    for statement in _lines(text, problems):
        if statement.first == ".include":
            flat += _included(statement, includes, problems)
        else:
            flat.append(statement)
    try:
        return _written_out(flat, problems, MOST_STATEMENTS)
    except RecursionError:
        problems.append(Problem(1, 1, ".rept is nested too deep"))
        return []


def _lines(text: str, problems: list[Problem]) -> Iterator[Statement]:
    for number, line in enumerate(without_block_comments(text).split("\n"), start=1):
        try:
            for tokens in statements(line):
                last = tokens[-1]
                words = line[tokens[0].column - 1 : last.column - 1 + len(last.text)]
                while len(tokens) > 2 and tokens[1].text == ":" and tokens[2].text in BLOCK:
                    yield Statement(number, tokens[:2], words)
                    tokens = tokens[2:]
                yield Statement(number, tokens, words)
        except SourceError as slip:
            problems.append(Problem(number, slip.column, slip.text))


def _included(here: Statement, includes: Mapping[str, bytes], problems: list[Problem]) -> list[Statement]:
    """The statements of an included text, all at the line that includes it. It includes no further ones."""
    token = here.tokens[1] if len(here.tokens) == 2 else here.tokens[0]
    name = token.text.strip('"') if token.kind == "string" else ""
    if name not in includes:
        known = ", ".join(sorted(n for n in includes if n.endswith(".s"))) or "nothing"
        text = f'.include "{name}": no file is read from here; what can be included is {known}'
        problems.append(Problem(here.line, token.column, text))
        return []
    return [s._replace(line=here.line) for s in _lines(includes[name].decode(), problems)]


def _written_out(flat: list[Statement], problems: list[Problem], room: int) -> list[Statement]:
    """Repeat what stands between ``.rept`` and its ``.endr``."""
    found: list[Statement] = []
    at = 0
    while at < len(flat):
        here = flat[at]
        at += 1
        if here.first == ".rept":
            end = _end_of_block(flat, at)
            if end is None:
                problems.append(Problem(here.line, here.tokens[0].column, ".rept has no .endr"))
                return found
            inner = _written_out(flat[at:end], problems, room)
            count = _count(here, problems)
            if count * len(inner) > room - len(found):
                text = f".rept makes more than {MOST_STATEMENTS} statements"
                problems.append(Problem(here.line, here.tokens[0].column, text))
                return found
            found += inner * count
            at = end + 1
        elif here.first == ".endr":
            problems.append(Problem(here.line, here.tokens[0].column, ".endr without .rept"))
        else:
            found.append(here)
    if len(found) > room:
        problems.append(Problem(1, 1, f"the source has more than {MOST_STATEMENTS} statements"))
        return []
    return found


def _end_of_block(flat: list[Statement], at: int) -> int | None:
    depth = 1
    for n in range(at, len(flat)):
        depth += (flat[n].first == ".rept") - (flat[n].first == ".endr")
        if depth == 0:
            return n
    return None


def _count(statement: Statement, problems: list[Problem]) -> int:
    def lookup(token: Token) -> Value:
        raise SourceError(token.column, "the count of .rept must be a plain number")

    try:
        stream = Stream(statement.tokens[1:], lookup)
        count = parse(stream).number
        stream.end()
        if count < 0:
            raise SourceError(statement.tokens[0].column, f"a count of {count} makes no sense")
        return count
    except SourceError as slip:
        problems.append(Problem(statement.line, slip.column, slip.text))
        return 0
