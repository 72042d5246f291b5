"""MapGPA, the host's part: a guest page becomes shared, or private again.

The shared EPT is the host's own, in ordinary memory; the module only holds its address. The same
memory is used for both lives of the page. Source: tdx-architecture 5.1, 7.1, 8.3; L:arch/x86/kvm/vmx/tdx.c.
"""

from tdxviz.core.commands import HostWrite
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, memory, teardown
from tdxviz.core.host.seam import Recipe, seamcall
from tdxviz.core.hw.walk import index
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.tdx.inspect import vcpu_field
from tdxviz.core.units import PAGE, Gpa, Hpa

FRAME = 0x000F_FFFF_FFFF_F000
SHARED_EPTP = 0x0024_0003_0000_203C
"""Metadata field of the vCPU that holds the address of the shared EPT."""
PRESENT, WRITE_BACK = 7, 6 << 3
MOST_TABLES = 16


def to_shared(machine: Machine, gpa: Gpa, *, tdr: Hpa = layout.TDR) -> Recipe:
    """Take the private page away, then map the same memory in the shared EPT."""
    lp = memory.free_lp(machine)
    answer = yield from seamcall("TDH.MEM.SEPT.RD", lp=lp, rcx=gpa, rdx=tdr)
    yield from memory.remove(machine, gpa, tdr=tdr)
    yield from map_shared(machine, gpa, answer.outputs["RCX"] & FRAME, tdr=tdr)


def to_private(machine: Machine, gpa: Gpa, *, tdr: Hpa = layout.TDR) -> Recipe:
    """Unmap the shared page everywhere, then add it as a pending one; the guest has to accept."""
    at, hpa = leaf_of(machine, gpa, tdr)
    if not hpa:
        raise TdxvizError(f"nothing is shared at {gpa:#x}; share a page there first")
    lp = memory.free_lp(machine)
    yield HostWrite(hpa=at, data=bytes(8), lp=lp)
    yield from seamcall("TDH.MEM.TRACK", lp=lp, rcx=tdr)  # the next entry of each vCPU flushes its TLB
    yield from memory.kick(machine, tdr)
    yield from memory.add(machine, gpa, hpa, tdr=tdr)


def map_shared(machine: Machine, gpa: Gpa, hpa: Hpa, *, tdr: Hpa = layout.TDR) -> Recipe:
    """Tables as far as they are missing, the entry, and the vCPUs' pointer to it all."""
    table, lp = layout.SHARED_EPT, memory.free_lp(machine)
    for level in (3, 2, 1):
        at = table + index(gpa, level) * 8
        table = _entry(machine, at) & FRAME
        if not table:
            table = _new_table(machine)
            yield HostWrite(hpa=at, data=_bytes(table | PRESENT), lp=lp)
    yield HostWrite(hpa=table + index(gpa, 0) * 8, data=_bytes(hpa | WRITE_BACK | PRESENT), lp=lp)
    yield from point(machine, tdr=tdr)


def point(machine: Machine, *, tdr: Hpa = layout.TDR) -> Recipe:
    """Tell every vCPU where the shared EPT is, unless it knows."""
    td = memory.domain(machine, tdr)
    for tdvpr in td.vcpus:
        if vcpu_field(machine.platform, td, tdvpr, "SHARED_EPTP") & FRAME == layout.SHARED_EPT:
            continue
        yield from memory.kick(machine, tdr)
        lp = teardown.associated_lp(machine, td, tdvpr)
        lp = lp if lp >= 0 else memory.free_lp(machine)
        yield from seamcall("TDH.VP.WR", lp=lp, rcx=tdvpr, rdx=SHARED_EPTP, r8=layout.SHARED_EPT, r9=FRAME)


def leaf_of(machine: Machine, gpa: Gpa, tdr: Hpa = layout.TDR) -> tuple[Hpa, Hpa]:
    """Address of a GPA's last entry in the host's own tables, and the page it names; 0 for none."""
    table = layout.SHARED_EPT
    for level in (3, 2, 1):
        table = _entry(machine, table + index(gpa, level) * 8) & FRAME
        if not table:
            return 0, 0
    at = table + index(gpa, 0) * 8
    return at, _entry(machine, at) & FRAME


def _entry(machine: Machine, at: Hpa) -> int:
    """The host reads its own memory."""
    return int.from_bytes(observe(machine, "host", at, 8).data or b"", "little")


def _bytes(entry: int) -> bytes:
    return entry.to_bytes(8, "little")


def _new_table(machine: Machine) -> Hpa:
    """The first table page that no entry names. Raises TdxvizError."""
    used = set(_tables(machine, layout.SHARED_EPT, 3))
    for n in range(1, MOST_TABLES):
        if layout.SHARED_EPT + n * PAGE not in used:
            return layout.SHARED_EPT + n * PAGE
    raise TdxvizError(f"the host keeps at most {MOST_TABLES} pages for its shared EPT")


def _tables(machine: Machine, table: Hpa, level: int) -> list[Hpa]:
    raw = observe(machine, "host", table, PAGE).data or b""
    found = [int.from_bytes(raw[n : n + 8], "little") & FRAME for n in range(0, PAGE, 8)]
    below = [at for at in found if at]
    return below if level == 1 else below + [t for at in below for t in _tables(machine, at, level - 1)]
