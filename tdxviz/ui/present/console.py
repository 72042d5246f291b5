"""The console's line language: text to actions, events to text. Pure functions."""

import shlex
from typing import Any

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean

VERBS: dict[str, str] = {
    "host read": "host read AT [SIZE]            load as host software",
    "host store": "host store AT [SIZE] [BYTE]    overwrite with a pattern",
    "host registers": "host registers [LP]            what the guest left behind",
    "dma read": "dma read AT [SIZE]             a device reads",
    "dma write": "dma write AT [SIZE] [BYTE]     a device overwrites",
    "probe": "probe AT                       record the line on the bus",
    "replay": "replay AT                      put the recording back",
    "flip": "flip AT data|mac|owner BIT     flip one bit on the bus",
    "dump": "dump AT [SIZE]                 pull the plug, read the chips",
    "evict": "evict AT                       the guest's line leaves the cache",
    "run": "run N | run until LABEL        let the guest run",
    "interrupt": "interrupt [VECTOR]             a timer fires",
    "attack": "attack NAME                    play an attack",
    "seamcall": "seamcall LEAF [rcx=N rdx=N …]  a raw SEAMCALL",
    "go": "go N                           to event N",
    "instruction": "instruction N                  to instruction N of the guest, also in silent runs",
    "help": "help                           this list",
}

EXAMPLES = (
    ("host read password", "host software loads a line of the guest"),
    ("run until loop_end", "the guest runs its loop once"),
    ("host store password 64 0xcc", "overwrite the line with a pattern"),
    ("attack cold-boot", "play a whole attack; Tab names them"),
    ("help", "all commands"),
)
"""Commands to begin with, and what they do."""


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Action name and arguments. Raises TdxvizError with the column and the nearest word."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise TdxvizError(f"column {len(text) + 1}: {error}") from None
    if not words:
        raise TdxvizError("column 1: type a command, or help")
    verb = " ".join(words[:2]) if " ".join(words[:2]) in VERBS else words[0]
    if verb not in VERBS:
        raise TdxvizError(f"column 1: there is no command {words[0]!r}; {did_you_mean(words[0], VERBS)}")
    rest = words[len(verb.split()) :]
    return _build(verb, rest, text)


def _build(verb: str, rest: list[str], text: str) -> tuple[str, dict[str, Any]]:
    def at() -> str:
        if not rest:
            raise TdxvizError(
                f"column {len(text) + 1}: an address or a name is missing: {VERBS[verb].strip()}"
            )
        return rest[0]

    def number(place: int, default: int) -> int:
        return _number(rest[place], text) if len(rest) > place else default

    match verb:
        case "host read":
            return "host.read", {"at": at(), "size": number(1, 64)}
        case "host store":
            return "host.write", {"at": at(), "size": number(1, 64), "pattern": number(2, 0xCC)}
        case "host registers":
            return "host.registers", {"lp": number(0, 0)}
        case "dma read":
            return "device.read", {"at": at(), "size": number(1, 64)}
        case "dma write":
            return "device.write", {"at": at(), "size": number(1, 64), "pattern": number(2, 0xCC)}
        case "probe":
            return "probe.capture", {"at": at()}
        case "replay":
            return "probe.inject", {"at": at()}
        case "flip":
            return "probe.flip", {
                "at": at(),
                "field": rest[1] if len(rest) > 1 else "data",
                "bit": number(2, 0),
            }
        case "dump":
            return "probe.dump", {"at": at(), "size": number(1, 4096)}
        case "evict":
            return "evict", {"at": at()}
        case "interrupt":
            return "interrupt", {"vector": number(0, 0x20)}
        case "attack":
            return "attack", {"id": at()}
        case "run":
            return "resume", _run(rest, text)
        case "seamcall":
            return "command", {"command": _seamcall(rest, text)}
    return verb, {"n": number(0, 0)}


def _run(rest: list[str], text: str) -> dict[str, Any]:
    if rest and rest[0] == "until":
        if len(rest) < 2:
            raise TdxvizError(f"column {len(text) + 1}: until which label?")
        return {"until": rest[1]}
    return {"steps": _number(rest[0], text) if rest else 1}


def _seamcall(rest: list[str], text: str) -> dict[str, Any]:
    from tdxviz.core.arch.leaves import BY_NAME

    if not rest:
        raise TdxvizError(f"column {len(text) + 1}: which leaf?")
    names = {n: leaf.number for n, leaf in BY_NAME.items() if leaf.side == "host"}
    leaf = rest[0].upper()
    if leaf not in names and not leaf.isdigit():
        column = text.find(rest[0]) + 1
        raise TdxvizError(f"column {column}: there is no leaf {rest[0]!r}; {did_you_mean(leaf, names)}")
    command: dict[str, Any] = {"do": "Seamcall", "rax": names.get(leaf, int(leaf) if leaf.isdigit() else 0)}
    for word in rest[1:]:
        name, equals, value = word.partition("=")
        if not equals:
            raise TdxvizError(f"column {text.find(word) + 1}: write registers like rcx=0x600000")
        command[name.lower()] = _number(value, text)
    return command


def _number(word: str, text: str) -> int:
    try:
        return int(word.replace("_", ""), 0)
    except ValueError:
        raise TdxvizError(f"column {text.find(word) + 1}: {word!r} is no number") from None


def complete(text: str, symbols: list[str], attacks: list[str]) -> list[str]:
    """Whole lines that ``text`` may become."""
    words = text.split(" ")
    head, last = " ".join(words[:-1]), words[-1]
    lines = [v for v in VERBS if v.startswith(text)]
    pool: list[str] = []
    if words[0] == "attack":
        pool = attacks
    elif words[0] == "seamcall" and len(words) == 2:
        from tdxviz.core.arch.leaves import BY_NAME

        pool = [n for n, leaf in BY_NAME.items() if leaf.side == "host"]
    elif len(words) > 1:
        pool = symbols
    return lines + [f"{head} {w}" for w in pool if w.lower().startswith(last.lower())]


def event_line(number: int, event: Any, lane: str) -> str:
    """``#212 HostStored host  hpa=0x413540 …``: one event as one line."""
    parts = []
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name in ("lp", "actor") or value in ("", -1, None):
            continue
        parts.append(f"{name}={_words(name, value)}")
    return f"#{number} {type(event).__name__}  {lane}  " + " ".join(parts)


def _words(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        return value[:8].hex(" ") + (" …" if len(value) > 8 else "")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return hex(value) if value > 9 or name in ("hpa", "gpa", "gla") else str(value)
    if isinstance(value, tuple):
        return f"({len(value)} values)" if value and isinstance(value[0], int) else ",".join(map(str, value))
    if isinstance(value, dict):
        return ",".join(f"{k}:{v:#x}" for k, v in value.items())
    return str(value)


def interesting(event: Any) -> bool:
    """Whether an event is worth a line when a run made hundreds of them."""
    from tdxviz.core.events import TRACE_EVENTS

    return not isinstance(event, TRACE_EVENTS)
