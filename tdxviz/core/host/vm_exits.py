"""What a host does for its ordinary VM when that has left: devices, MSRs, HLT, caches.

An exit of INS or OUTS moves one element between the device and the VM's memory, which the host reaches through the
VM's page tables as its emulator would; a repeated one comes back for the next.
"""

from collections.abc import Generator

from tdxviz.core.arch import exits
from tdxviz.core.commands import Command, HostExec, HostRead, HostWrite, ReadHostRegisters, VmWrite
from tdxviz.core.events import Event, HostLoaded, HostRegistersRead, VmExited
from tdxviz.core.host.vmm import Vmm
from tdxviz.core.hw.cpu import GPR_NAMES, RAX, RCX, RDI, RDX, RSI
from tdxviz.core.machine import Machine
from tdxviz.core.peek_walk import translate
from tdxviz.core.units import U64

Served = Generator[Command, tuple[Event, ...], None]
IN, STRING, REPEATED = 8, 16, 32
DF = 1 << 10
LOW = 0xFFFF_FFFF


def serve(machine: Machine, event: VmExited, vmm: Vmm, lp: int) -> Served:
    """Answer one exit, from the registers that the host finds."""
    found = yield ReadHostRegisters(lp=lp)
    (gprs,) = [n.gprs for n in found if isinstance(n, HostRegistersRead)]
    match event.reason:
        case exits.HLT:
            vmm.halted = True
        case exits.IO if event.qualification & STRING:
            yield from _string(machine, event, gprs, vmm)
        case exits.IO:
            yield from _port(event.qualification, gprs, vmm)
        case exits.RDMSR:
            value = vmm.msrs.get(gprs[RCX] & LOW, 0)
            yield VmWrite(vm=0, register="RAX", value=value & LOW)
            yield VmWrite(vm=0, register="RDX", value=value >> 32)
        case exits.WRMSR:
            vmm.msrs[gprs[RCX] & LOW] = gprs[RAX] & LOW | (gprs[RDX] & LOW) << 32
        case exits.WBINVD:
            yield HostExec(insn="WBINVD", lp=lp)
        case _:  # INVD is skipped: a VM must not lose the host's data
            return


def _port(asked: int, gprs: tuple[int, ...], vmm: Vmm) -> Served:
    port, size = asked >> 16, (asked & 7) + 1
    low = (1 << 8 * size) - 1
    if not asked & IN:
        vmm.port_out(port, size, gprs[RAX] & low)
        return
    value = vmm.port_in(port, size)
    yield VmWrite(vm=0, register="RAX", value=value if size == 4 else gprs[RAX] & ~low | value)


def _string(machine: Machine, event: VmExited, gprs: tuple[int, ...], vmm: Vmm) -> Served:
    asked, cpu = event.qualification, machine.vms[0].cpu  # RFLAGS and CR3 are in the host's VMCS
    port, size, keep = asked >> 16, (asked & 7) + 1, (1 << (16 << (event.information >> 7 & 7))) - 1
    places = [translate(machine, event.linear + n & U64, cr3=cpu.cr3, paging=cpu.paging) for n in range(size)]
    hpas = [hpa for hpa in places if hpa is not None]
    if asked & IN:
        data = vmm.port_in(port, size).to_bytes(size, "little")
        for hpa, byte in zip(hpas, data, strict=True):
            yield HostWrite(hpa=hpa, data=bytes([byte]))
    else:
        data = b""
        for hpa in hpas:
            told = yield HostRead(hpa=hpa, size=1)
            data += b"".join(n.data for n in told if isinstance(n, HostLoaded))
        vmm.port_out(port, size, int.from_bytes(data, "little"))
    yield from _advance(RDI if asked & IN else RSI, -size if cpu.rflags & DF else size, gprs, keep)
    count = gprs[RCX] & keep
    if asked & REPEATED:
        yield from _advance(RCX, -1, gprs, keep)
    if not asked & REPEATED or count <= 1:
        yield VmWrite(vm=0, register="RIP", value=cpu.rip + event.length)


def _advance(register: int, step: int, gprs: tuple[int, ...], keep: int) -> Served:
    """A 32-bit index register is zero-extended, a 16-bit one is not."""
    value = gprs[register] + step & keep
    whole = value if keep > 0xFFFF else gprs[register] & ~keep | value
    yield VmWrite(vm=0, register=GPR_NAMES[register], value=whole)
