"""Commands and events as JSON and back. Bytes are base64 text; unknown fields are errors.

Commands may also be written the way people read them: numbers as text (``"0x600000"``), and a
SEAMCALL or TDCALL by ``leaf`` (and ``version``) instead of ``rax``, a metadata field by its name in
``rdx``. The machine itself writes numbers.
"""

import re
from typing import Any

import msgspec

from tdxviz.core.calls import FIELD_REGISTER, SIDES, field_of, number_of
from tdxviz.core.commands import AnyCommand, Command
from tdxviz.core.events import AnyEvent, Event
from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean

COMMANDS = {kind.__name__: kind for kind in Command.__subclasses__()}
EVENTS = {kind.__name__: kind for kind in Event.__subclasses__()}
SIDE_OF = {kind.__name__: side for side, kind in SIDES.items()}
READABLE = ("leaf", "version")
NUMBER = re.compile(r"0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*|0|[1-9][0-9]*")

_encoder = msgspec.json.Encoder()
_commands = msgspec.json.Decoder(AnyCommand)
_events = msgspec.json.Decoder(AnyEvent)


class Slip(TdxvizError):
    """A mistyped command or event."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column
        """Of the text, from 1, where the slip is; 0 where it has no place."""


def encode(thing: Command | Event) -> bytes:
    """One line of JSON, without a line end."""
    return _encoder.encode(thing)


def to_plain(thing: Command | Event) -> dict[str, Any]:
    """The same as a JSON-ready dict."""
    return msgspec.to_builtins(thing)


def decode_command(text: bytes | str) -> AnyCommand:
    """Raises Slip saying what is wrong, where, and which name is nearest."""
    try:
        return _commands.decode(_plainly(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(str(error), "do", COMMANDS, text) from None


def decode_event(text: bytes | str) -> AnyEvent:
    try:
        return _events.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explained(str(error), "event", EVENTS, text) from None


def _plainly(text: bytes | str) -> bytes | str:
    """The command with numbers for what was written readably. Raises Slip, msgspec.DecodeError."""
    marks = ('"leaf"', ':"', ': "') if isinstance(text, str) else (b'"leaf"', b':"', b': "')
    if not any(mark in text for mark in marks):  # type: ignore[operator]  # because marks have the text's own type
        return text
    row = msgspec.json.decode(text)
    kind = COMMANDS.get(str(row.get("do"))) if isinstance(row, dict) else None
    if kind is None:
        return text
    leaf = str(row.get("leaf", ""))
    changed = _leaf(row, kind.__name__, text)
    changed |= kind.__name__ in SIDE_OF and _field(row, leaf, text)
    for field in msgspec.structs.fields(kind):
        value = row.get(field.name)
        if isinstance(value, str) and field.type in (int, int | None) and NUMBER.fullmatch(value):
            row[field.name], changed = int(value, 0), True
    return msgspec.json.encode(row) if changed else text


def _leaf(row: dict[str, Any], kind: str, text: bytes | str) -> bool:
    """Replace ``leaf`` and ``version`` by ``rax``. Whether there was something to replace."""
    if kind not in SIDE_OF or "leaf" not in row:
        return False
    if "rax" in row:
        raise Slip("a leaf's name and rax say the same thing; leave one out", _column(text, "rax"))
    leaf, version = row.pop("leaf"), row.pop("version", 0)
    try:
        if not isinstance(leaf, str) or not isinstance(version, int):
            raise TdxvizError("leaf is a name and version a number")
        row["rax"] = number_of(leaf, version, SIDE_OF[kind])
    except TdxvizError as error:
        raise Slip(str(error), _column(text, str(leaf))) from None
    return True


def _field(row: dict[str, Any], leaf: str, text: bytes | str) -> bool:
    """Replace a metadata field's name by its id. Whether there was one."""
    name = row.get(FIELD_REGISTER)
    if not isinstance(name, str) or not name[:1].isalpha():
        return False
    try:
        row[FIELD_REGISTER] = field_of(leaf, name)
    except TdxvizError as error:
        raise Slip(str(error), _column(text, name)) from None
    return True


def _column(text: bytes | str, name: str) -> int:
    """Where a quoted name stands, from 1; 0 if it does not."""
    line = text if isinstance(text, str) else text.decode("utf-8", "replace")
    at = line.find(f'"{name}"')
    return at + 2 if at >= 0 else 0


def _explained(message: str, tag: str, kinds: dict[str, Any], text: bytes | str) -> Slip:
    """msgspec's message, plus the nearest right name where a name is wrong."""
    line = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if found := re.search(r"Invalid value '([^']*)'", message):
        words = f"{found[1]!r} is no {tag} name; {did_you_mean(found[1], kinds)}"
        return Slip(words, _column(text, found[1]))
    if found := re.search(r"contains unknown field `([^`]*)`", message):
        name = re.search(rf'"{tag}"\s*:\s*"(\w+)"', line)
        fields = getattr(kinds.get(name[1] if name else ""), "__struct_fields__", ())
        more = READABLE if name and name[1] in SIDE_OF else ()
        words = f"unknown field {found[1]!r}; {did_you_mean(found[1], (*fields, *more))}"
        return Slip(words, _column(text, found[1]))
    if found := re.search(r"Expected `int.*at `\$\.(\w+)`", message):
        words = f'{found[1]} takes a number, as 4096 or "0x1000" ({message})'
        if found[1] == "rax":
            words += "; a leaf's name is written as leaf"
        return Slip(words, _column(text, found[1]))
    byte = re.search(r"\(byte (\d+)\)", message)
    return Slip(message, int(byte[1]) + 1 if byte else 0)
