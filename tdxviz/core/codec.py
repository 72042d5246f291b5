"""Commands and events as JSON and back. Bytes are base64 text; unknown fields are errors."""

import re
from typing import Any

import msgspec

from tdxviz.core.commands import AnyCommand, Command
from tdxviz.core.events import AnyEvent, Event
from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean

COMMANDS = {kind.__name__: kind for kind in Command.__subclasses__()}
EVENTS = {kind.__name__: kind for kind in Event.__subclasses__()}

_encoder = msgspec.json.Encoder()
_commands = msgspec.json.Decoder(AnyCommand)
_events = msgspec.json.Decoder(AnyEvent)


def encode(thing: Command | Event) -> bytes:
    """One line of JSON, without a line end."""
    return _encoder.encode(thing)


def to_plain(thing: Command | Event) -> dict[str, Any]:
    """The same as a JSON-ready dict."""
    return msgspec.to_builtins(thing)


def decode_command(text: bytes | str) -> AnyCommand:
    """Raises TdxvizError saying what is wrong and which name is nearest."""
    try:
        return _commands.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TdxvizError(_explain(str(error), "do", COMMANDS, text)) from None


def decode_event(text: bytes | str) -> AnyEvent:
    try:
        return _events.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TdxvizError(_explain(str(error), "event", EVENTS, text)) from None


def _explain(message: str, tag: str, kinds: dict[str, type], text: bytes | str) -> str:
    """msgspec's message, plus the nearest right name where a name is wrong."""
    if found := re.search(r"Invalid value '([^']*)'", message):
        return f"{found[1]!r} is no {tag} name; {did_you_mean(found[1], kinds)}"
    if found := re.search(r"contains unknown field `([^`]*)`", message):
        line = text if isinstance(text, str) else text.decode("utf-8", "replace")
        name = re.search(rf'"{tag}"\s*:\s*"(\w+)"', line)
        fields = getattr(kinds.get(name[1] if name else ""), "__struct_fields__", ())
        return f"unknown field {found[1]!r}; {did_you_mean(found[1], fields)}"
    return message
