"""Lines to statements and tokens."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tdxviz.core.guest.asm.errors import SourceError

PATTERN = re.compile(
    r"""(?P<space>[ \t\f\r]+)
      | (?P<comment>\#.*|//.*|/\*.*?(?:\*/|$))
      | (?P<string>"(?:\\.|[^"\\])*")
      | (?P<char>'(?:\\.|[^'\\])'?)
      | (?P<number>0[xX][0-9a-fA-F_]+|0[bB][01]+(?![0-9bf])|[0-9][0-9_]*[bf]?(?![0-9A-Za-z_]))
      | (?P<name>[A-Za-z_.$][A-Za-z0-9_.$]*)
      | (?P<sign><<|>>|[-+*/%&|^~()\[\],:=;<>!])""",
    re.VERBOSE,
)
ESCAPES = {"n": 10, "t": 9, "r": 13, "0": 0, "\\": 92, '"': 34, "'": 39, "b": 8, "f": 12}


class Token(NamedTuple):
    """``kind``: name, number, string, char, sign, comment or space; ``column`` counts from 1."""

    kind: str
    text: str
    column: int


def tokens(line: str) -> Iterator[Token]:
    """Every token, blanks and comments too. Raises SourceError at what is none."""
    at = 0
    while at < len(line):
        found = PATTERN.match(line, at)
        if found is None:
            raise SourceError(at + 1, _stray(line, at))
        yield Token(found.lastgroup or "", found.group(), at + 1)
        at = found.end()


def _stray(line: str, at: int) -> str:
    if line[at] == '"':
        return 'the string has no closing "'
    if line[at] == "@":
        return "'@' begins nothing here; a comment begins with #"
    if line[at].isdigit():
        return f"{line[at:].split()[0]!r} is no number; write 26, 0x1A or 0b11010"
    return f"{line[at]!r} has no meaning here"


def statements(line: str) -> list[list[Token]]:
    """The statements of a line, split at ``;``, without blanks and comments."""
    found: list[list[Token]] = [[]]
    for token in tokens(line):
        if token == (token.kind, ";", token.column):
            found.append([])
        elif token.kind not in ("space", "comment"):
            found[-1].append(token)
    return [statement for statement in found if statement]


def without_block_comments(text: str) -> str:
    """``/* ... */`` over several lines becomes blanks, so that columns and line numbers stay."""
    return re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.DOTALL)


def string_bytes(token: Token) -> bytes:
    """The bytes of a string or character literal. Raises SourceError for an unknown escape."""
    body, out = token.text[1:], bytearray()
    if token.kind == "string" or (body.endswith("'") and len(body) > 1):
        body = body[:-1]
    at = 0
    while at < len(body):
        if body[at] != "\\":
            out += body[at].encode()
            at += 1
        elif hexed := re.match(r"\\x([0-9a-fA-F]{1,2})", body[at:]):
            out.append(int(hexed[1], 16))
            at += hexed.end()
        elif octal := re.match(r"\\([0-7]{1,3})", body[at:]):
            out.append(int(octal[1], 8) & 255)
            at += octal.end()
        elif body[at + 1 : at + 2] in ESCAPES:
            out.append(ESCAPES[body[at + 1]])
            at += 2
        else:
            raise SourceError(
                token.column + 1 + at,
                f"the escape {body[at : at + 2]!r} is unknown; \\n, \\t, \\x41 are known",
            )
    return bytes(out)
