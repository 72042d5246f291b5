"""``tdxviz script run FILE``: plays a command script and prints every event and status."""

import argparse
from pathlib import Path
from typing import Any

from tdxviz.cli.codes import OK
from tdxviz.cli.output import print_json, status_of
from tdxviz.core import codec
from tdxviz.core.arch.leaves import BY_NAME, SEAMCALL, TDCALL
from tdxviz.core.events import Event, LeafReturned
from tdxviz.session import journal
from tdxviz.session.reopen import play_lines
from tdxviz.session.session import Session
from tdxviz.session.timeline import Entry


def add(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="run")
    one = commands.add_parser("run", help="play a script (.tdxs, JSON lines)")
    one.add_argument("file", metavar="FILE")
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=play)


def play(args: argparse.Namespace) -> int:
    name = Path(args.file).name
    header, lines, notice = journal.parse(journal.read(args.file), name)
    session = Session(header.world, header.seed, header.scenario)
    steps: list[dict[str, Any]] = []
    for number, entry in play_lines(session, lines, name):
        if entry is not None:
            steps += _steps(session, entry, number)
    fingerprint = session.timeline.machine.fingerprint()
    if args.json:
        notes = {"notice": notice} if notice else {}
        print_json({"steps": steps, "fingerprint": fingerprint, **notes})
        return OK
    _print_steps(steps)
    print(f"fingerprint {fingerprint}")
    if notice:
        print(notice)
    return OK


def _steps(session: Session, entry: Entry, line: int) -> list[dict[str, Any]]:
    """One row per command of the action."""
    timeline = session.timeline
    ends = [*timeline.starts[entry.first_command + 1 : entry.end_command], entry.end_event]
    rows: list[dict[str, Any]] = []
    for number, end in zip(range(entry.first_command, entry.end_command), ends, strict=True):
        events = timeline.events[timeline.starts[number] : end]
        rows.append(
            {
                "line": line,
                "command": codec.to_plain(timeline.commands[number]),
                "events": [codec.to_plain(event) for event in events],
                "status": _status(events),
            }
        )
    return rows


def _status(events: list[Event]) -> dict[str, str | None] | None:
    """Of the last leaf that completed; None when none did. ``check`` is the one that failed."""
    done = [event for event in events if isinstance(event, LeafReturned)]
    if not done:
        return None
    returned = done[-1]
    leaf = BY_NAME.get(returned.name)
    failed = leaf.failed(returned.status, returned.passed) if leaf else None
    check = leaf.checks[failed].text if leaf and failed is not None else None
    more = {"leaf": returned.name, "check": check, "reason": returned.reason or None}
    return status_of(returned.status) | more


def _print_steps(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        command = dict(step["command"])
        name = _title(command)
        values = " ".join(f"{key}={_short(value)}" for key, value in command.items())
        print(f"{step['line']}: {name} {values}".rstrip())
        if step["status"]:
            print(f"    {_completion(step['status'])}")
        for event in step["events"]:
            rest = {key: value for key, value in event.items() if key != "event"}
            words = " ".join(f"{key}={_short(value)}" for key, value in rest.items())
            print(f"    {event['event']} {words}")


def _title(command: dict[str, Any]) -> str:
    """What is done, taken out of the command: a call's leaf, else the command's name. Registers of a
    call that hold nothing are left out."""
    name = command.pop("do")
    if name not in codec.SIDE_OF:
        return name
    rax = command.pop("rax")
    leaves = SEAMCALL if name == "Seamcall" else TDCALL
    row = leaves.get(rax & 0xFFFF)
    for key in [key for key, value in command.items() if not value]:
        del command[key]
    if row is None or rax >> 24:
        return f"{name} rax={rax:#x}"
    version = f" version {rax >> 16}" if rax >> 16 else ""
    return f"{row.name}{version}"


def _completion(status: dict[str, str | None]) -> str:
    """One line: the status by name and number, the operand it blames, and why."""
    operand = f" ({status['operand']})" if status["operand"] else ""
    why = f": {status['reason']}" if status["reason"] else ""
    check = f" [check: {status['check']}]" if status["check"] else ""
    return f"-> {status['name']} {status['value']}{operand}{why}{check}"


def _short(value: object) -> str:
    """Numbers above 9 in hex, also those of registers."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} {_short(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    return f"{value:#x}" if value > 9 else str(value)
