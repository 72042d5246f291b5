"""What a host remembers of a firmware's boot, kept where host software keeps things: in its own memory.

JSON in ordinary DRAM, so that the notes go back in time, fork and are saved with the machine. They are
host software's alone; nobody else reads them and no outcome inside the TD depends on their form.
"""

import msgspec

from tdxviz.core.commands import HostWrite
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host.seam import Recipe
from tdxviz.core.host.vmm import Registers
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.units import LINE, PAGE, Hpa

PLACE: Hpa = 0x0012_0000
ROOM = 16 * PAGE
LENGTH = 8
"""Bytes of the length that stands before the JSON text."""
MOST = 512
"""Registers of each kind that are remembered; a device has no more."""


class Notes(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """``memory``, ``promised``: bytes the TD was told it has, and of these to accept. ``added``: pages of
    4 KiB that were there from the beginning. ``answer``: what the TDVMCALL that was made before
    instruction ``answered`` gets. The rest: the virtual machine monitor's registers."""

    name: str
    memory: int
    promised: int
    added: int = 0
    ports: dict[int, int] = {}
    msrs: dict[int, int] = {}
    mmio: dict[int, int] = {}
    notify: int = 0
    halted: bool = False
    fatal: tuple[int, bytes] | None = None
    answer: Registers = {}
    answered: int = -1


def read(machine: Machine) -> Notes | None:
    """The notes in this machine's memory; None if no firmware was booted here.

    Raises:
        TdxvizError: somebody has written over them.
    """
    size = int.from_bytes(_bytes(machine, PLACE, LENGTH), "little")
    if not size:
        return None
    try:
        return msgspec.json.decode(_bytes(machine, PLACE + LENGTH, min(size, ROOM)), type=Notes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TdxvizError(
            f"the host's notes of its firmware at {PLACE:#x} were overwritten; go back in time or boot it anew"
        ) from None


def _bytes(machine: Machine, at: Hpa, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = min(PAGE - (at + len(data)) % PAGE, size - len(data))
        data += observe(machine, "host", at + len(data), part).data or bytes(part)
    return data


def keep(machine: Machine, notes: Notes) -> Recipe:
    """Write what has changed, in whole lines."""
    for kept in (notes.ports, notes.msrs, notes.mmio):
        while len(kept) > MOST:
            kept.pop(next(iter(kept)))
    text = msgspec.json.encode(notes)
    new = len(text).to_bytes(LENGTH, "little") + text
    if len(new) > ROOM:
        raise TdxvizError(f"the host keeps at most {ROOM} bytes of notes; {len(new)} are needed")
    new = new.ljust(-(-len(new) // LINE) * LINE, b"\0")
    old = _bytes(machine, PLACE, len(new))
    changed = [n for n in range(0, len(new), LINE) if new[n : n + LINE] != old[n : n + LINE]]
    if changed:
        low, high = changed[0], changed[-1] + LINE
        yield HostWrite(hpa=PLACE + low, data=new[low:high], trace=False)
