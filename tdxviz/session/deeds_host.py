"""What host software, devices and people with a probe do. Each function expands one action."""

from typing import cast

import msgspec

from tdxviz.core import codec
from tdxviz.core import commands as c
from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.units import LINE, Hpa, line_of, page_of
from tdxviz.session import deeds as d
from tdxviz.session import places
from tdxviz.session.actions import Script

IOVA = 0x7000_0000
"""Where our device sees the page it is given."""
HOST_LP = 1
"""Host software acts on logical processor 1; the guest runs on 0."""
LONGEST = 4096
MOST_LINES = 1024


def read(machine: Machine, args: d.Place) -> Script:
    """Without its own stale copy in the cache, as a careful attacker would."""
    hpa, keyid = places.hpa(machine, args.at), places.keyid(machine, args.keyid)
    size = _size(args.size)
    yield from _drive_out(machine, args, hpa)
    if args.evict:
        yield c.FlushLine(hpa=hpa, keyid=keyid, lp=HOST_LP)
    yield c.HostRead(hpa=hpa, size=size, keyid=keyid, lp=HOST_LP)


def write(machine: Machine, args: d.Write) -> Script:
    """A store that stays in the host's own cached copy is flushed to memory."""
    if args.how not in ("ordinary", "full-line", "partial"):
        raise TdxvizError(f"how: {args.how!r} must be ordinary, full-line or partial")
    hpa, data, keyid = places.hpa(machine, args.at), _data(args), places.keyid(machine, args.keyid)
    yield from _drive_out(machine, args, hpa)
    yield c.HostWrite(hpa=hpa, data=data, keyid=keyid, how=args.how, lp=HOST_LP)
    if args.evict and args.how == "ordinary":
        yield c.FlushLine(hpa=hpa, keyid=keyid, lp=HOST_LP)


def flush(machine: Machine, args: d.Place) -> Script:
    yield c.FlushLine(hpa=places.hpa(machine, args.at), keyid=places.keyid(machine, args.keyid), lp=HOST_LP)


def flush_lines(machine: Machine, args: d.Lines) -> Script:
    for hpa in _lines(machine, args):
        yield c.FlushLine(hpa=hpa, lp=HOST_LP)


def time_lines(machine: Machine, args: d.Lines) -> Script:
    for hpa in _lines(machine, args):
        yield c.HostTime(hpa=hpa, lp=HOST_LP)


def _lines(machine: Machine, args: d.Lines) -> range:
    if not 0 < args.count <= MOST_LINES:
        raise TdxvizError(f"count: {args.count} must be 1..{MOST_LINES}")
    first = line_of(places.hpa(machine, args.at))
    return range(first, first + args.count * LINE, LINE)


def train(machine: Machine, args: d.Train) -> Script:
    """The guest has to be out: host code runs on that processor."""
    at, to = places.label(machine, args.at), places.label(machine, args.to)
    yield c.HostBranch(at=at, to=to, lp=args.lp)


def evict(machine: Machine, args: d.Place) -> Script:
    """Under the guest's KeyID unless another one is named."""
    keyid = places.keyid(machine, args.keyid or "guest")
    yield c.EvictLine(hpa=places.hpa(machine, args.at), keyid=keyid)


def registers(machine: Machine, args: d.Processor) -> Script:
    yield c.ReadHostRegisters(lp=args.lp)


def device_read(machine: Machine, args: d.Place) -> Script:
    hpa, size = places.hpa(machine, args.at), _size(args.size)
    yield from _drive_out(machine, args, hpa)
    yield c.DmaMap(iova=IOVA, hpa=page_of(hpa), keyid=places.keyid(machine, args.keyid))
    yield c.DmaRead(iova=IOVA + hpa % 4096, size=size)


def device_write(machine: Machine, args: d.Write) -> Script:
    hpa, data = places.hpa(machine, args.at), _data(args)
    yield from _drive_out(machine, args, hpa)
    yield c.DmaMap(iova=IOVA, hpa=page_of(hpa), keyid=places.keyid(machine, args.keyid))
    yield c.DmaWrite(iova=IOVA + hpa % 4096, data=data)


def capture(machine: Machine, args: d.Place) -> Script:
    hpa = places.hpa(machine, args.at)
    yield from _drive_out(machine, args, hpa)
    yield c.BusCapture(hpa=hpa)


def inject(machine: Machine, args: d.Place) -> Script:
    hpa = places.hpa(machine, args.at)
    yield from _drive_out(machine, args, hpa)
    yield c.BusInject(hpa=hpa)


def flip(machine: Machine, args: d.Flip) -> Script:
    if args.field not in ("data", "mac", "owner"):
        raise TdxvizError(f"field: {args.field!r} must be data, mac or owner")
    hpa = places.hpa(machine, args.at)
    yield from _drive_out(machine, args, hpa)
    yield c.FlipBit(hpa=hpa, field=args.field, bit=args.bit)


def dump(machine: Machine, args: d.Place) -> Script:
    hpa, size = places.hpa(machine, args.at), _size(args.size)
    yield from _drive_out(machine, args, hpa)
    yield c.DumpDimm(hpa=hpa, size=size)


def raw(machine: Machine, args: d.Raw) -> Script:
    yield cast(c.Command, codec.decode_command(msgspec.json.encode(args.command)))


def _drive_out(machine: Machine, args: d.Place | d.Write | d.Flip, hpa: Hpa) -> Script:
    """The guest's copy of the line leaves the cache: from now on memory decides."""
    if args.evict:
        yield c.EvictLine(hpa=hpa, keyid=places.keyid(machine, "guest"))


def _size(size: int) -> int:
    if not 0 < size <= LONGEST:
        raise TdxvizError(f"size: {size} must be 1..{LONGEST}")
    return size


def _data(args: d.Write) -> bytes:
    if not args.data:
        return bytes([args.pattern & 0xFF]) * _size(args.size)
    try:
        data = bytes.fromhex(args.data.removeprefix("0x"))
    except ValueError:
        raise TdxvizError(f"data: {args.data!r} is no string of hex digits") from None
    _size(len(data))
    return data
