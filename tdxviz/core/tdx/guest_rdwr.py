"""TDG.VM.RD and WR, TDG.VP.RD and WR, TDG.SYS.RD and RDALL: metadata for the guest."""

from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import status as s
from tdxviz.core.hw import physical
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.tdx import entry, guest_memory, metadata, rdwr
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.metadata import Store
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import PAGE


def vm_rd(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    version = call.regs["rax"] >> 16 & 0xFF
    call.outputs["R8"] = 0
    if version:
        call.outputs["RDX"] = md.NULL_ID
    call.require(version <= 1, f"this leaf has no version {version}")
    _read(call, Store(call.p, call.m, td), md.TD, enumerate_=version == 1)
    return s.SUCCESS


def vp_rd(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    call.outputs |= {"R8": 0, "RDX": md.NULL_ID}
    vcpu = entry.running_vcpu(call.p, call.m, call.lp)
    _read(call, Store(call.p, call.m, td, vcpu), md.VP, enumerate_=True)
    return s.SUCCESS


def vm_wr(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    return _write(call, Store(call.p, call.m, td), md.TD)


def vp_wr(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    vcpu = entry.running_vcpu(call.p, call.m, call.lp)
    return _write(call, Store(call.p, call.m, td, vcpu), md.VP)


def _read(call: Call, store: Store, context: int, *, enumerate_: bool) -> None:
    """Checks and effect that both share. ``enumerate_``: RDX takes the null id and returns the next one."""
    field_id = call.regs["rdx"]
    call.require(call.regs["rcx"] == 0, f"RCX = {call.regs['rcx']:#x} must be 0")
    first = enumerate_ and md.is_null(field_id)
    if first:
        call.outputs["RDX"] = md.following(context, md.NULL_ID, "guest")
    call.require(not first, "RDX now holds the first field id of the context")
    row, index = rdwr.find(call, context, field_id)
    mask = rdwr.readable(call, row, "guest")
    # ---- all checks passed: nothing below can fail ----
    call.outputs["R8"] = metadata.read(store, row, index) & mask
    if enumerate_:
        call.outputs["RDX"] = md.following(context, field_id, "guest")


def _write(call: Call, store: Store, context: int) -> int:
    call.outputs["R8"] = 0
    call.require(call.regs["rcx"] == 0, f"RCX = {call.regs['rcx']:#x} must be 0")
    row, index = rdwr.find(call, context, call.regs["rdx"])
    old, new = rdwr.written(call, store, row, index, "guest")
    if context == md.TD:
        same = metadata.read(store, row, index) == old
        call.require(same, f"another vCPU has changed {row.name} meanwhile")
    # ---- all checks passed: nothing below can fail ----
    metadata.write(store, row, index, new)
    call.outputs["R8"] = old & row.guest.read
    return s.SUCCESS


def sys_rd(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    call.outputs |= {"R8": 0, "RDX": md.NULL_ID}
    rdwr.read_system(call, "guest")
    return s.SUCCESS


def sys_rdall(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    call.outputs["R8"] = md.NULL_ID
    buffer = call.regs["rdx"]
    usable = buffer % PAGE == 0 and guest_memory.is_private(buffer)
    call.require(usable, f"RDX = {buffer:#x} is no private GPA aligned to 4 KiB")
    where = guest_memory.place(call, buffer, "store")
    first = rdwr.first_of_list(call)
    # ---- all checks passed: nothing below can fail ----
    physical.write_physical(call.p, *where, rdwr.system_list(Store(call.p, call.m), first, "guest"))
    return s.SUCCESS
