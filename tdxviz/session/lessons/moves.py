"""The moves a lesson may name in ``auto`` and ``allow``, and the actions they become."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import LINE, PAGE, line_of, page_of
from tdxviz.session import places
from tdxviz.session.actions import Action
from tdxviz.session.lessons.evidence import Place
from tdxviz.session.lessons.model import Anchor

Places = Mapping[str, Place]
Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """``keys``: what else may be said besides ``do``; ``action`` is its name for ``allow``."""

    action: str
    keys: tuple[str, ...]
    build: Callable[[Raw, Places], dict[str, Any]]
    title: str = ""


def anchor_place(machine: Machine, anchor: Anchor) -> Place:
    """First byte and size. Raises TdxvizError if its symbol does not exist."""
    hpa = anchor.hpa
    if hpa is None:
        hpa = places.hpa(machine, anchor.symbol.removeprefix("guest."))
    if anchor.kind == "page":
        return page_of(hpa), PAGE
    if anchor.index is not None:
        return page_of(hpa) + LINE * anchor.index, LINE
    return line_of(hpa), LINE


def _target(raw: Raw, known: Places, key: str = "target") -> int:
    name = raw.get(key, "")
    if name not in known:
        raise TdxvizError(f"{raw['do']}: there is no anchor {name!r}; {did_you_mean(name, known)}")
    return known[name][0]


def _place(raw: Raw, known: Places) -> dict[str, Any]:
    rest = {key: value for key, value in raw.items() if key not in ("do", "target")}
    return {"at": _target(raw, known), **rest}


def _store(raw: Raw, known: Places) -> dict[str, Any]:
    args = _place(raw, known)
    pattern = args.get("pattern", 0xCC)
    try:
        args["pattern"] = int(pattern, 0) if isinstance(pattern, str) else int(pattern)
    except (ValueError, TypeError):
        raise TdxvizError(f"{raw['do']}: pattern {pattern!r} is no byte") from None
    return args


def _run(raw: Raw, known: Places) -> dict[str, Any]:
    return {"until": raw.get("label", ""), "steps": raw.get("steps", 60_000)}


def _touch(raw: Raw, known: Places) -> dict[str, Any]:
    event = raw.get("event", "mem.read")
    kinds = {"mem.read": "load", "mem.write": "store"}
    if event not in kinds:
        raise TdxvizError(f"{raw['do']}: event {event!r} must be mem.read or mem.write")
    return {"at": _target(raw, known, "line"), "kind": kinds[event]}


def _page(raw: Raw, known: Places) -> dict[str, Any]:
    return {"at": raw.get("label", ""), "level": raw.get("level", 0)}


def _train(raw: Raw, known: Places) -> dict[str, Any]:
    return {"at": raw.get("label", ""), "to": raw.get("to", ""), "lp": raw.get("lp", 0)}


def _lines(raw: Raw, known: Places) -> dict[str, Any]:
    return {"at": raw.get("label", ""), "count": raw.get("count", 256)}


def _register(raw: Raw, known: Places) -> dict[str, Any]:
    return {"register": raw.get("register", "RIP"), "value": raw.get("label", raw.get("value", 0))}


def _plain(raw: Raw, known: Places) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key != "do"}


MOVES: dict[str, Move] = {
    "host.load": Move("host.read", ("target", "size", "keyid"), _place),
    "host.store": Move("host.write", ("target", "pattern", "size", "how"), _store),
    "host.registers": Move("host.registers", ("lp",), _plain),
    "cache.evict": Move("evict", ("target",), _place),
    "dma.read": Move("device.read", ("target", "size"), _place),
    "dma.write": Move("device.write", ("target", "pattern", "size"), _store),
    "bus.probe": Move("probe.capture", ("target",), _place),
    "bus.replay": Move("probe.inject", ("target",), _place),
    "bit.flip": Move("probe.flip", ("target", "field", "bit"), _place),
    "td.run": Move("resume", ("td", "label", "steps"), _run),
    "td.run_until": Move("touch", ("td", "event", "line"), _touch),
    "vp.write": Move("vp.write", ("register", "label", "value"), _register),
    "td.enter": Move("td.enter", ("lp", "steps", "vcpu"), _plain),
    "predictor.train": Move("host.train", ("label", "to", "lp"), _train),
    "cache.flush": Move("host.flush_lines", ("label", "count"), _lines),
    "cache.time": Move("host.time_lines", ("label", "count"), _lines),
    "page.remove": Move("page.remove", ("label", "level"), _page),
    "page.add": Move("page.add", ("label", "level"), _page),
    "page.block": Move("page.block", ("label", "level"), _page),
    "page.unblock": Move("page.unblock", ("label", "level"), _page),
    "td.interrupt": Move("interrupt", ("lp", "vector"), _plain),
    "seamcall": Move("call", ("leaf", "lp", "rcx", "rdx", "r8", "r9"), _plain),
    "second.build": Move("second.build", (), _plain),
    "second.give": Move("second.give", ("target",), _place),
    "second.run": Move("second.run", (), _plain),
    "attack": Move("attack", ("id",), _plain),
}
"""Moves that become an action of the session."""

PLAYER_MOVES: dict[str, tuple[str, ...]] = {
    "contrast": (),
    "answer": ("is", "blanks", "text"),
    "select": ("target",),
}
"""Moves that the player makes itself: name -> keys."""


def check_move(raw: Raw) -> str:
    """The move's name. Raises TdxvizError for an unknown name or key."""
    name = raw.get("do", "")
    known = {**{move: row.keys for move, row in MOVES.items()}, **PLAYER_MOVES}
    if name not in known:
        raise TdxvizError(f"there is no move {name!r}; {did_you_mean(str(name), known)}")
    for key in raw:
        if key != "do" and key not in known[name]:
            raise TdxvizError(f"move {name!r} has no {key!r}; {did_you_mean(key, known[name])}")
    return name


def action_of(raw: Raw, known: Places) -> Action:
    """The session's action for a move of ``MOVES``. Raises TdxvizError."""
    move = MOVES[check_move(raw)]
    return Action(move.action, move.build(raw, known))
