"""Booting a TD firmware. Each function expands one action.

A script names the image by path and SHA-256; the bytes stay where they are. An image is only ever read,
and only a regular file of limited size.
"""

from pathlib import Path

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import firmware, tdvf
from tdxviz.core.host.firmware_build import CHUNK
from tdxviz.core.hw.cpu import RAX
from tdxviz.core.machine import Machine
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import MIB, PAGE
from tdxviz.session import deeds as d
from tdxviz.session import files
from tdxviz.session.actions import Script
from tdxviz.session.files import sha256
from tdxviz.session.timeline import LONG_CHUNK, MOST_STEPS

USUAL = ("/usr/share/ovmf/OVMF.fd", "/usr/share/OVMF/OVMF.fd", "/usr/share/edk2/ovmf/OVMF.inteltdx.fd")
"""Where distributions keep an image with TDX metadata; the first is Debian's package ovmf."""
PACKAGE = "Debian's package ovmf has one: apt install ovmf"
LEAST_MEMORY, MOST_MEMORY = 32, 160
"""MiB that the firmware may be told it has."""
ACCEPTED, OTHER = "accepted", "other"


def usual() -> str:
    """The image that is installed here; empty if none is."""
    return next((name for name in USUAL if Path(name).is_file()), "")


def read(name: str) -> bytes:
    """The bytes of an image. Raises TdxvizError for what is no readable file of a sensible size."""
    return files.read(name, tdvf.MOST_FILE, "an image", PACKAGE)


def find(args: d.Image) -> tdvf.Firmware:
    """The image that the action means: at its path, else the same bytes at a usual place.

    Raises:
        TdxvizError: it is missing or another one.
    """
    problem = ""
    for name in dict.fromkeys((args.file, *(USUAL if args.sha256 else ()))):
        try:
            raw = read(name)
        except TdxvizError as error:
            problem = problem or str(error)
            continue
        if not args.sha256 or sha256(raw) == args.sha256.lower():
            return tdvf.parse(raw, Path(args.file).name)
        problem = problem or f"{name}: another file than this script was made with"
    wanted = f". The script needs the image with SHA-256 {args.sha256}" if args.sha256 else ""
    raise TdxvizError(f"{problem}{wanted}")


def commands(image: tdvf.Firmware) -> int:
    """About how many commands building a TD from this image takes, for a progress bar."""
    return 290 + sum(2 + (PAGE // CHUNK if extend else 0) for _, _, extend in image.added_pages())


def build(machine: Machine, args: d.Image) -> Script:
    if machine.module is None:
        raise TdxvizError("an ordinary VM has no TDX module to build a TD; boot firmware in a TDX world")
    if not LEAST_MEMORY <= args.memory <= MOST_MEMORY:
        raise TdxvizError(f"memory: {args.memory} MiB must be {LEAST_MEMORY}..{MOST_MEMORY}")
    if machine.module.pamt:
        raise TdxvizError("this machine has a TD already; boot firmware in a fresh session")
    image = find(args)
    job = firmware.begin(image, args.memory * MIB)
    yield from firmware.build(job, image)
    yield from firmware.note(machine, job)
    return None


def go_on(machine: Machine, args: d.Onward) -> Script:
    """TDCALL by TDCALL until the wanted one comes next."""
    leaves = [name for name, leaf in BY_NAME.items() if leaf.side == "guest"]
    if args.until not in ("", ACCEPTED, OTHER, *leaves):
        known = [ACCEPTED, OTHER, *leaves]
        raise TdxvizError(f"until: there is no leaf {args.until!r}; {did_you_mean(args.until, known)}")
    if not 0 < args.steps <= MOST_STEPS:
        raise TdxvizError(f"steps: {args.steps} must be 1..{MOST_STEPS}")
    job = firmware.resume(machine)
    limit, before = (
        machine.platform.lps[0].retired + args.steps,
        "" if args.at_once else _stands_before(machine),
    )
    at_once = args.at_once
    while True:
        ended = yield from firmware.step(machine, job, limit, most=LONG_CHUNK, at_once=at_once)
        at_once = False
        if ended:
            return _told(ended)
        leaf = job.tdcalls.pop().leaf
        if args.until in ("", leaf) or (args.until == ACCEPTED and job.accepted_bytes >= job.promised):
            return None
        if args.until == OTHER and leaf != before:
            return None


def _stands_before(machine: Machine) -> str:
    """The leaf of the TDCALL that comes next, if one does."""
    lp = machine.platform.lps[0]
    return firmware.leaf_name(lp.cpu.gprs[RAX]) if lp.mode == "td" else ""


def _told(ended: str) -> None:
    """A limit is what was asked for; anything else is something the learner must know."""
    if not ended.startswith("limit"):
        raise TdxvizError(f"The firmware goes no further. {ended[0].upper()}{ended[1:]}.")


def run(machine: Machine, args: d.Resume, until: int | None) -> Script:
    """``args.steps`` instructions of a firmware that was booted here; its own host answers."""
    job = firmware.resume(machine)
    limit = machine.platform.lps[args.lp].retired + args.steps
    ended = ""
    while not ended and not (until is not None and machine.platform.lps[args.lp].cpu.rip == until):
        ended = yield from firmware.step(machine, job, limit, trace=args.trace, most=LONG_CHUNK, until=until)
    return _told(ended)
