"""What host software, devices and people with a probe do. Each function expands one action."""

from typing import cast

import msgspec

from tdxviz.core import codec
from tdxviz.core import commands as c
from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.units import page_of
from tdxviz.session import deeds as d
from tdxviz.session import places
from tdxviz.session.actions import Script

IOVA = 0x7000_0000
"""Where our device sees the page it is given."""
HOST_LP = 1
"""Host software acts on logical processor 1; the guest runs on 0."""
LONGEST = 4096


def read(machine: Machine, args: d.Place) -> Script:
    keyid = places.keyid(machine, args.keyid)
    yield c.HostRead(hpa=places.hpa(args.at), size=_size(args.size), keyid=keyid, lp=HOST_LP)


def write(machine: Machine, args: d.Write) -> Script:
    if args.how not in ("ordinary", "full-line", "partial"):
        raise TdxvizError(f"how: {args.how!r} must be ordinary, full-line or partial")
    yield c.HostWrite(
        hpa=places.hpa(args.at),
        data=_data(args),
        keyid=places.keyid(machine, args.keyid),
        how=args.how,
        lp=HOST_LP,
    )


def flush(machine: Machine, args: d.Place) -> Script:
    yield c.FlushLine(hpa=places.hpa(args.at), keyid=places.keyid(machine, args.keyid), lp=HOST_LP)


def evict(machine: Machine, args: d.Place) -> Script:
    """Under the guest's KeyID unless another one is named."""
    keyid = places.keyid(machine, args.keyid or "guest")
    yield c.EvictLine(hpa=places.hpa(args.at), keyid=keyid)


def registers(machine: Machine, args: d.Processor) -> Script:
    yield c.ReadHostRegisters(lp=args.lp)


def device_read(machine: Machine, args: d.Place) -> Script:
    hpa = places.hpa(args.at)
    yield c.DmaMap(iova=IOVA, hpa=page_of(hpa), keyid=places.keyid(machine, args.keyid))
    yield c.DmaRead(iova=IOVA + hpa % 4096, size=_size(args.size))


def device_write(machine: Machine, args: d.Write) -> Script:
    hpa = places.hpa(args.at)
    yield c.DmaMap(iova=IOVA, hpa=page_of(hpa), keyid=places.keyid(machine, args.keyid))
    yield c.DmaWrite(iova=IOVA + hpa % 4096, data=_data(args))


def capture(machine: Machine, args: d.Place) -> Script:
    yield c.BusCapture(hpa=places.hpa(args.at))


def inject(machine: Machine, args: d.Place) -> Script:
    yield c.BusInject(hpa=places.hpa(args.at))


def flip(machine: Machine, args: d.Flip) -> Script:
    if args.field not in ("data", "mac", "owner"):
        raise TdxvizError(f"field: {args.field!r} must be data, mac or owner")
    yield c.FlipBit(hpa=places.hpa(args.at), field=args.field, bit=args.bit)


def dump(machine: Machine, args: d.Place) -> Script:
    yield c.DumpDimm(hpa=places.hpa(args.at), size=_size(args.size))


def raw(machine: Machine, args: d.Raw) -> Script:
    yield cast(c.Command, codec.decode_command(msgspec.json.encode(args.command)))


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
