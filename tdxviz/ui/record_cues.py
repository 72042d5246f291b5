"""The text of a demo (``tdxrec 1``): what is played and where the camera looks. Strict.

::

    tdxrec 1
    lesson host-writes
    set size 1920x1080  set theme light  set scale 1.5
    chapter "Predict"   step predict     hold 4s
    caption "The host stores 64 bytes over the secret."
    do attack over 3s   wait event mem.write
    spotlight anchor secret              hold 2s

Several statements may stand on a line; ``#`` begins a remark. All durations are in the text, so
chapters and captions are known before the first picture is painted.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean

HEADER = "tdxrec 1"
LARGEST = 256 * 1024
LONGEST_CUE = 600.0
LONGEST = 3600.0
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(#.*)|([^\s"]+)')
TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
SETTINGS = ("size", "theme", "scale", "fps", "lang")


class Cue(NamedTuple):
    """``what``: the verb's words; ``args``: key=value pairs of ``do``; ``seconds`` it lasts."""

    line: int
    verb: str
    what: tuple[str, ...] = ()
    args: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0


@dataclass
class Recording:
    """A parsed demo. ``kind`` is ``lesson`` or ``script``, ``source`` its name or path."""

    name: str
    kind: str = ""
    source: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    cues: list[Cue] = field(default_factory=list)

    def slip(self, line: int, text: str) -> TdxvizError:
        return TdxvizError(f"{self.name}:{line}: {text}")


class Token(NamedTuple):
    line: int
    text: str
    quoted: bool


class _Reader:
    """The tokens of a demo, taken from the front."""

    def __init__(self, text: str, made: Recording) -> None:
        self.made = made
        self.line = 1
        self.tokens: list[Token] = []
        for number, row in enumerate(text.splitlines()[1:], 2):
            self.tokens += self._tokens(row, number)
        self.at = 0

    def _tokens(self, row: str, number: int) -> list[Token]:
        found, at = [], 0
        while at < len(row):
            if row[at].isspace():
                at += 1
                continue
            match = TOKEN.match(row, at)
            if match is None:
                raise self.made.slip(number, "a quoted text is not closed")
            quoted, remark, plain = match.groups()
            if quoted is not None:
                found.append(Token(number, re.sub(r"\\(.)", r"\1", quoted), True))
            elif plain is not None:
                found.append(Token(number, plain, False))
            at = len(row) if remark is not None else match.end()
        return found

    def more(self) -> bool:
        return self.at < len(self.tokens)

    def slip(self, text: str) -> TdxvizError:
        return self.made.slip(self.line, text)

    def peek(self) -> Token | None:
        """The next token of the same line."""
        if self.more() and self.tokens[self.at].line == self.line:
            return self.tokens[self.at]
        return None

    def verb(self) -> str:
        token = self.tokens[self.at]
        self.at, self.line = self.at + 1, token.line
        return "" if token.quoted else token.text

    def word(self, what: str) -> str:
        token = self.peek()
        if token is None or token.quoted:
            raise self.slip(f"{what} is missing")
        self.at += 1
        return token.text

    def text(self, what: str) -> str:
        token = self.peek()
        if token is None or not token.quoted:
            raise self.slip(f'{what} must stand in quotes: {what} "..."')
        self.at += 1
        return token.text

    def one_of(self, what: str, known: tuple[str, ...]) -> str:
        word = self.word(what)
        if word not in known:
            raise self.slip(f"{what}: {word!r} is unknown; {did_you_mean(word, known)}")
        return word

    def seconds(self, what: str) -> float:
        word = self.word(f"the duration of {what}")
        match = TIME.fullmatch(word)
        if match is None:
            raise self.slip(f"{what}: {word!r} is no duration; write 2s, 1.5s or 500ms")
        value = float(match[1]) / (1000 if match[2] == "ms" else 1)
        if not 0 < value <= LONGEST_CUE:
            raise self.slip(f"{what}: {word} must be more than 0 and at most {LONGEST_CUE:.0f}s")
        return value

    def over(self, verb: str) -> float:
        """The duration after ``over``, 0 without it."""
        token = self.peek()
        if token is None or token.quoted or token.text != "over":
            return 0.0
        self.at += 1
        return self.seconds(verb)

    def pairs(self) -> tuple[tuple[str, str], ...]:
        found = []
        while (token := self.peek()) is not None and not token.quoted and "=" in token.text:
            self.at += 1
            key, _, value = token.text.partition("=")
            found.append((key, value))
        return tuple(found)


def _source(kind: str) -> Callable[[_Reader, Recording], Cue | None]:
    def read(r: _Reader, made: Recording) -> None:
        if made.source:
            raise r.slip(f"the demo already plays the {made.kind} {made.source!r}")
        token = r.peek()
        made.kind, made.source = kind, r.text(kind) if token and token.quoted else r.word(kind)

    return read


def _set(r: _Reader, made: Recording) -> None:
    if made.cues:
        raise r.slip("set must stand before the first cue")
    key = r.one_of("set", SETTINGS)
    if key in made.settings:
        raise r.slip(f"{key} is set twice")
    made.settings[key] = r.word(f"the value of {key}")
    if key == "lang" and made.settings[key] != "en":
        raise r.slip(f"lang: {made.settings[key]!r} is not there; known: en")


def _do(r: _Reader, made: Recording) -> Cue:
    name, args = r.word("what to do"), r.pairs()
    return Cue(r.line, "do", (name,), args, r.over("do"))


def _go(r: _Reader, made: Recording) -> Cue:
    word = r.word("the event number")
    if not (word.isdecimal() or word == "end"):
        raise r.slip(f"go: {word!r} is neither an event number nor 'end'")
    return Cue(r.line, "go", (word,), (), r.over("go"))


def _wait(r: _Reader, made: Recording) -> Cue:
    r.one_of("wait", ("event",))
    return Cue(r.line, "wait", (r.word("the event"),))


def _spotlight(r: _Reader, made: Recording) -> Cue:
    kind = r.one_of("spotlight", ("anchor", "panel", "off"))
    return Cue(r.line, "spotlight", (kind,) if kind == "off" else (kind, r.word(f"the name of the {kind}")))


VERBS: dict[str, Callable[[_Reader, Recording], Cue | None]] = {
    "lesson": _source("lesson"),
    "script": _source("script"),
    "set": _set,
    "chapter": lambda r, _: Cue(r.line, "chapter", (r.text("chapter"),)),
    "caption": lambda r, _: Cue(r.line, "caption", (r.text("caption"),)),
    "step": lambda r, _: Cue(r.line, "step", (r.word("the lesson's step"),)),
    "do": _do,
    "go": _go,
    "wait": _wait,
    "hold": lambda r, _: Cue(r.line, "hold", seconds=r.seconds("hold")),
    "spotlight": _spotlight,
    "banner": lambda r, _: Cue(r.line, "banner"),
    "layout": lambda r, _: Cue(r.line, "layout", (r.word("the layout"),)),
    "world": lambda r, _: Cue(r.line, "world", (r.one_of("world", ("legacy", "li", "ci")),)),
}


def parse(text: str, name: str = "demo.tdxrec") -> Recording:
    """Raises TdxvizError ``name:line: what is wrong``."""
    made = Recording(name)
    if len(text) > LARGEST:
        raise TdxvizError(f"{name}: larger than the limit of {LARGEST} characters")
    first = (text.splitlines() or [""])[0]
    if first.removeprefix("\ufeff").strip() != HEADER:
        raise made.slip(1, f"a demo begins with the line {HEADER!r}")
    reader = _Reader(text, made)
    while reader.more():
        verb = reader.verb()
        if verb not in VERBS:
            raise reader.slip(f"{verb!r} is no cue; {did_you_mean(verb, VERBS)}")
        cue = VERBS[verb](reader, made)
        if cue is not None:
            made.cues.append(cue)
    _check(made, reader.line)
    return made


def _check(made: Recording, last: int) -> None:
    if not made.source:
        raise made.slip(last, "it plays nothing; add a line 'lesson ID' or 'script FILE'")
    length = sum(cue.seconds for cue in made.cues)
    if length <= 0:
        raise made.slip(last, "nothing is ever shown; add 'hold 2s'")
    if length > LONGEST:
        raise made.slip(last, f"it lasts {length:.0f} s; the limit is {LONGEST:.0f} s")
