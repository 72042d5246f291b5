"""TDG.VM.RD and WR, TDG.VP.RD and WR, TDG.SYS.RD and RDALL: metadata for the guest."""

from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import status as s
from tdxviz.core.hw import path
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.tdx import entry, guest_memory, metadata, rdwr
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.metadata import Store
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import PAGE


def vm_rd(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    version = call.regs["rax"] >> 16 & 0xFF
    call.outputs["R8"] = 0
    call.require(version <= 1, f"this leaf has no version {version}")
    row = _read(call, Store(call.p, call.m, td), md.TD)
    if version:
        call.outputs["RDX"] = md.following(md.TD, row, "guest")
    return s.SUCCESS


def vp_rd(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    call.outputs["R8"] = 0
    vcpu = entry.running_vcpu(call.p, call.m, call.lp)
    row = _read(call, Store(call.p, call.m, td, vcpu), md.VP)
    call.outputs["RDX"] = md.following(md.VP, row, "guest")
    return s.SUCCESS


def vm_wr(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    return _write(call, Store(call.p, call.m, td), md.TD)


def vp_wr(call: Call, td: Td, cpu: CpuState, length: int) -> int:
    vcpu = entry.running_vcpu(call.p, call.m, call.lp)
    return _write(call, Store(call.p, call.m, td, vcpu), md.VP)


def _read(call: Call, store: Store, context: int) -> int:
    """Checks and effect that both share; returns the id."""
    call.require(call.regs["rcx"] == 0, f"RCX = {call.regs['rcx']:#x} must be 0")
    row, index = rdwr.find(call, context, call.regs["rdx"])
    mask = rdwr.readable(call, row, "guest")
    # ---- all checks passed: nothing below can fail ----
    call.outputs["R8"] = metadata.read(store, row, index) & mask
    return call.regs["rdx"]


def _write(call: Call, store: Store, context: int) -> int:
    call.outputs["R8"] = 0
    call.require(call.regs["rcx"] == 0, f"RCX = {call.regs['rcx']:#x} must be 0")
    row, index = rdwr.find(call, context, call.regs["rdx"])
    old, new = rdwr.written(call, store, row, index, "guest")
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
    path.write_physical(call.p, *where, rdwr.system_list(Store(call.p, call.m), first, "guest"))
    return s.SUCCESS
