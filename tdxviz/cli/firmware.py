"""``tdxviz firmware measure FILE | boot FILE``"""

import argparse
import sys
from dataclasses import asdict
from time import monotonic
from typing import Any

from tdxviz.cli.codes import INTERRUPTED, NO, OK
from tdxviz.cli.files import read_bytes
from tdxviz.cli.output import print_json
from tdxviz.core.drive import carry_out
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import firmware, tdvf
from tdxviz.core.machine import Machine
from tdxviz.core.units import MIB

LIMIT = 2_000_000
MOST = 10_000_000_000
SHOWN = 20
LEAST_MEMORY, MOST_MEMORY = 32, 160
"""MiB that the firmware may be told it has."""


def add(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="measure | boot")
    measured = commands.add_parser("measure", help="MRTD of a firmware image, from its TDVF metadata")
    measured.add_argument("file", metavar="FILE")
    measured.add_argument("--json", action="store_true")
    measured.set_defaults(run=measure)
    booted = commands.add_parser("boot", help="build a TD from the image and run its reset vector")
    booted.add_argument("file", metavar="FILE", help="for example /usr/share/ovmf/OVMF.fd")
    booted.add_argument("--world", choices=("ci", "li"), default="ci")
    booted.add_argument("--seed", type=int, default=7)
    booted.add_argument("--memory", type=int, default=128, help="MiB that the TD is told it has, default 128")
    booted.add_argument("--limit", type=int, default=LIMIT, help=f"instructions at most, default {LIMIT:,}")
    booted.add_argument("--go-on", action="store_true", help="do not stop when all memory is accepted")
    booted.add_argument("--json", action="store_true")
    booted.set_defaults(run=boot)


def measure(args: argparse.Namespace) -> int:
    image = _image(args.file)
    mrtd = tdvf.mrtd(image).hex()
    if args.json:
        print_json({"mrtd": mrtd, "sections": [_row(s) for s in image.sections]})
        return OK
    print(f"MRTD {mrtd}")
    for section in image.sections:
        end = section.gpa + section.memory
        how = "added and extended" if section.extend else "added" if section.added else "not added"
        print(f"  {section.type:<13}{section.gpa:#011x} to {end:#011x}  {how}")
    return OK


def boot(args: argparse.Namespace) -> int:
    """0 if the firmware reached a TDCALL, else 1."""
    if not 0 < args.limit <= MOST:
        raise TdxvizError(f"--limit {args.limit} must be 1..{MOST}")
    if not LEAST_MEMORY <= args.memory <= MOST_MEMORY:
        raise TdxvizError(f"--memory {args.memory} must be {LEAST_MEMORY}..{MOST_MEMORY} MiB")
    image = _image(args.file)
    job = firmware.begin(image, args.memory * MIB)
    machine = Machine(args.world, args.seed)
    progress = _Progress(quiet=args.json or not sys.stderr.isatty())
    code: int | None = None
    progress.say("building the TD, page by page")
    carry_out(machine, firmware.build(job, image))
    try:
        reason = carry_out(machine, firmware.start(machine, job, args.limit, progress, go_on=args.go_on))
    except KeyboardInterrupt:  # what was reached is still worth telling
        reason, code = "interrupted", INTERRUPTED
    progress.say("")
    if args.json:
        print_json(_answer(job, reason))
    else:
        _print(job, reason)
    return code if code is not None else OK if job.tdcalls else NO


class _Progress:
    """One line on the terminal that is written over and over."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.begun = monotonic()

    def say(self, text: str) -> None:
        if not self.quiet:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def __call__(self, job: firmware.Boot) -> None:
        self.say(
            f"{job.instructions:,} instructions, {job.total:,} TDCALLs, "
            f"{job.accepted_bytes >> 20} of {job.promised >> 20} MiB accepted, {monotonic() - self.begun:.0f} s"
        )


def _image(name: str) -> tdvf.Firmware:
    return tdvf.parse(read_bytes(name, tdvf.MOST_FILE), name)


def _first(job: firmware.Boot) -> int | None:
    return job.tdcalls[0].instruction if job.tdcalls else None


def _answer(job: firmware.Boot, reason: str) -> dict[str, Any]:
    return {
        "instructions_to_first_tdcall": _first(job),
        "tdcalls": [asdict(call) | {"at": f"{call.at:#x}"} for call in job.tdcalls],
        "tdcalls_total": job.total,
        "accepted_pages": sum(job.accepted.values()),
        "accepted_bytes": job.accepted_bytes,
        "accepted_by_size": {f"{size >> 10} KiB": count for size, count in job.accepted.items()},
        "instructions": job.instructions,
        "console": job.vmm.console.decode("utf-8", "replace"),
        "reason": reason,
    }


def _print(job: firmware.Boot, reason: str) -> None:
    for call in job.tdcalls[:SHOWN]:
        print(f"instruction {call.instruction:>9,} at {call.at:#x}: {call.leaf}")
    if job.total > SHOWN:
        print(f"... and {job.total - SHOWN:,} more")
    for size, count in job.accepted.items():
        print(f"accepted {count:,} pages of {size >> 10} KiB")
    text = job.vmm.console.decode("utf-8", "replace")
    if text:
        print(
            "--- what it wrote to its serial port\n"
            + "".join(c if c.isprintable() or c == "\n" else "" for c in text)
        )
    first = f", {_first(job):,} to the first TDCALL" if job.tdcalls else ""
    print(f"{job.instructions:,} instructions{first}; {job.total:,} TDCALLs; {reason}")


def _row(section: tdvf.Section) -> dict[str, Any]:
    return {
        "type": section.type, "offset": section.offset, "size": section.size, "gpa": f"{section.gpa:#x}",
        "memory": section.memory, "added": section.added, "extended": section.extend,
    }  # fmt: skip
