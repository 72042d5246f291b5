"""``tdxviz attack list | run ID [--world legacy|li|ci|all]``"""

import argparse
from typing import Any

import msgspec

from tdxviz.cli.codes import OK
from tdxviz.cli.output import print_json
from tdxviz.core.attacks import catalogue
from tdxviz.core.outcome import Verdict
from tdxviz.core.units import WORLDS, World
from tdxviz.session.actions import Action
from tdxviz.session.session import Session


def add(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="list | run")
    listing = commands.add_parser("list", help="all attacks")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=show)
    one = commands.add_parser("run", help="run one attack, or all of them, and print the verdicts")
    one.add_argument("id", metavar="ID", help="an attack's id, ID:VARIANT, or 'all' (without variants)")
    one.add_argument("--world", choices=(*WORLDS, "all"), default="ci", help="default: ci")
    one.add_argument("--seed", type=int, default=7)
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=play)


def show(args: argparse.Namespace) -> int:
    attacks = catalogue.attacks()
    if args.json:
        keys = ("id", "title", "who", "what", "where", "question", "position", "property", "source")
        rows = [{key: getattr(attack, key) for key in keys} for attack in attacks]
        for row, attack in zip(rows, attacks, strict=True):
            row["variants"] = [{"id": way.id, "title": way.title} for way in attack.variants]
        print_json(rows)
        return OK
    for attack in attacks:
        print(f"{attack.id:<40}{attack.title}")
        for way in attack.variants:
            print(f"{way.id:<40}  {way.title}")
    return OK


def play(args: argparse.Namespace) -> int:
    ids = catalogue.IDS if args.id == "all" else (catalogue.attack(args.id).id,)
    worlds: tuple[World, ...] = WORLDS if args.world == "all" else (args.world,)
    rows = [_played(attack, world, args.seed) for attack in ids for world in worlds]
    if args.json:
        print_json(rows)
    else:
        for row in rows:
            _print_row(row)
    return OK


def _played(attack: str, world: World, seed: int) -> dict[str, Any]:
    """The attack on a fresh machine. ``causes`` are numbers in ``events``."""
    session = Session(world, seed)
    session.act(Action("attack", {"id": attack}))
    verdict = session.verdict
    assert isinstance(verdict, Verdict)
    return {
        "id": attack,
        "world": world,
        "class": verdict.outcome,
        "word": verdict.word,
        "sentence": verdict.sentence,
        "confidentiality": verdict.confidentiality,
        "integrity": verdict.integrity,
        "availability": verdict.availability,
        "freshness": verdict.freshness,
        "decided_by": verdict.decided_by,
        "signals": [msgspec.to_builtins(signal) for signal in verdict.signals],
        "causes": list(verdict.causes),
        "cause_events": [msgspec.to_builtins(session.events[n]) for n in verdict.causes],
        "fingerprint": session.machine.fingerprint(),
    }


def _print_row(row: dict[str, Any]) -> None:
    print(f"{row['id']} in {row['world']}: {row['word']} ({row['class']})")
    print(f"  {row['sentence']}")
    kept = ("confidentiality", "integrity", "availability", "freshness")
    print("  " + ", ".join(f"{name} {row[name]}" for name in kept))
    for signal in row["signals"]:
        print(f"  {signal['observer']}: {signal['name']} ({signal['kind']})")
    numbers = ", ".join(f"#{number}" for number in row["causes"])
    print(f"  caused by events {numbers}" if numbers else "  nothing happened")
