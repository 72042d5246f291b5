"""``tdxviz guest list | show NAME | run FILE``"""

import argparse
import os
import sys
from dataclasses import asdict

from tdxviz.cli.codes import NO, OK
from tdxviz.cli.files import read_bytes
from tdxviz.cli.output import print_json
from tdxviz.core.drive import carry_out
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import gallery
from tdxviz.core.guest.load.image import MOST_FILE, Image
from tdxviz.core.guest.load.open import FLAT_BASE, image_of
from tdxviz.core.host import guest_run, guests
from tdxviz.core.machine import Machine
from tdxviz.core.units import WORLDS

LIMIT = 20_000_000
MOST = 10_000_000_000


def add(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="list | show | run")
    listing = commands.add_parser("list", help="the gallery of small guests")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=show_all)
    shown = commands.add_parser("show", help="print the source of a guest of the gallery")
    shown.add_argument("name", metavar="NAME")
    shown.set_defaults(run=show)
    one = commands.add_parser("run", help="run a program inside a TD")
    one.add_argument(
        "file", metavar="FILE", help="ELF64, flat binary, assembly source, or a name of the gallery"
    )
    one.add_argument("--world", choices=WORLDS, default="ci", help="default: ci; legacy is an ordinary VM")
    one.add_argument("--seed", type=int, default=7)
    one.add_argument("--limit", type=int, default=LIMIT, help=f"instructions at most, default {LIMIT:,}")
    one.add_argument(
        "--base", type=_number, default=FLAT_BASE, help="where a flat binary goes, default 0x400000"
    )
    one.add_argument("--json", action="store_true")
    one.set_defaults(run=play)


def show_all(args: argparse.Namespace) -> int:
    if args.json:
        print_json([{"name": guest.name, "about": guest.about} for guest in gallery.guests()])
        return OK
    for guest in gallery.guests():
        print(f"{guest.name:<14}{guest.about}")
    return OK


def show(args: argparse.Namespace) -> int:
    print(gallery.guest(args.name).text, end="")
    return OK


def play(args: argparse.Namespace) -> int:
    """0 if the program ended with exit code 0, else 1."""
    if not 0 < args.limit <= MOST:
        raise TdxvizError(f"--limit {args.limit} must be 1..{MOST}")
    pages = guests.plan(_image(args))
    machine = Machine(args.world, args.seed)
    carry_out(machine, guest_run.start(machine, pages))
    outcome = carry_out(machine, guest_run.serve(machine, args.limit, demand=guests.Demand(pages)))
    if args.json:
        row = asdict(outcome)
        row["console"] = outcome.console.decode("utf-8", "replace")
        print_json(row)
    else:
        sys.stdout.write(outcome.console.decode("utf-8", "replace"))
        print(
            f"\n[{outcome.reason}: {outcome.detail}; {outcome.instructions:,} instructions]", file=sys.stderr
        )
    return OK if outcome.exit_code == 0 else NO


def _image(args: argparse.Namespace) -> Image:
    """A file, else a guest of the gallery."""
    if not os.path.exists(args.file) and args.file in {guest.name for guest in gallery.guests()}:
        return gallery.guest(args.file).image()
    return image_of(read_bytes(args.file, MOST_FILE), os.path.basename(args.file), base=args.base)


def _number(text: str) -> int:
    return int(text, 0)
