"""MapGPA, the host's part: a guest page becomes shared, or private again.

The shared EPT is the host's own, in ordinary memory; the module only holds its address. The same
memory is used for both lives of the page. Source: tdx-architecture 5.1, 7.1, 8.3; L:arch/x86/kvm/vmx/tdx.c.
"""

from tdxviz.core.arch import sept
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import HostWrite, Seamcall
from tdxviz.core.events import LeafReturned
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, memory, shared_ept, teardown
from tdxviz.core.host.seam import Recipe, seamcall
from tdxviz.core.host.shared_ept import FRAME, PRESENT, WRITE_BACK
from tdxviz.core.host.vmm import Vmm
from tdxviz.core.hw.walk import index
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.inspect import vcpu_field
from tdxviz.core.units import PAGE, Gpa, Hpa

SHARED_EPTP = 0x0024_0003_0000_203C
"""Metadata field of the vCPU that holds the address of the shared EPT."""
LEAVES = {state.public for state in sept.STATES.values() if state.leaf}


def _bytes(entry: int) -> bytes:
    return entry.to_bytes(8, "little")


def to_shared(machine: Machine, gpa: Gpa, *, tdr: Hpa = layout.TDR) -> Recipe:
    """Take the private page away, then map the same memory in the shared EPT."""
    lp = memory.free_lp(machine)
    answer = yield from seamcall("TDH.MEM.SEPT.RD", lp=lp, rcx=gpa, rdx=tdr)
    yield from memory.remove(machine, gpa, tdr=tdr)
    yield from map_shared(machine, gpa, answer.outputs["RCX"] & FRAME, tdr=tdr)


def to_private(machine: Machine, gpa: Gpa, *, tdr: Hpa = layout.TDR) -> Recipe:
    """Unmap the shared page everywhere, then add it as a pending one; the guest has to accept."""
    at, hpa = shared_ept.leaf_of(machine, gpa)
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
        table = shared_ept.entry(machine, at) & FRAME
        if not table:
            table = shared_ept.new_table(machine)
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


def carry_out(machine: Machine, vmm: Vmm) -> Recipe:
    """Every MapGPA that the host has granted and not yet done."""
    todo, vmm.carried = vmm.converted[vmm.carried :], len(vmm.converted)
    if machine.module is None or vmm.only_says:
        return  # an ordinary VM has one kind of memory
    for start, size, shared in todo:
        for gpa in range(start, start + size, PAGE):
            yield from convert(machine, gpa, shared=shared)


def convert(machine: Machine, gpa: Gpa, *, shared: bool, tdr: Hpa = layout.TDR) -> Recipe:
    """One page becomes shared or private, whatever it was before."""
    mapped = shared_ept.leaf_of(machine, gpa)[1]
    if not shared:
        if mapped:
            yield from to_private(machine, gpa, tdr=tdr)
        return
    events = yield Seamcall(
        rax=BY_NAME["TDH.MEM.SEPT.RD"].number, lp=memory.free_lp(machine), rcx=gpa, rdx=tdr
    )
    found = next((e.outputs.get("RDX", 0) for e in events if isinstance(e, LeafReturned)), 0)
    private, level = found >> 8 & 0xFF in LEAVES, found & 7
    while private and level:
        big = PAGE << 9 * level
        yield from memory.demote(machine, gpa & -big, level, tdr=tdr)
        level -= 1
    if private:
        yield from to_shared(machine, gpa, tdr=tdr)
    elif not mapped:
        yield from map_shared(machine, gpa, memory.spare(machine), tdr=tdr)
