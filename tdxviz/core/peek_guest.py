"""Peek at a guest's registers and code, wherever they are kept at this moment."""

from dataclasses import dataclass

from tdxviz.core.guest import disasm
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.machine import Machine
from tdxviz.core.observe import guest_actor, observe
from tdxviz.core.peek_walk import translate
from tdxviz.core.tdx.inspect import saved_cpu, tds
from tdxviz.core.units import Gla


@dataclass(frozen=True, slots=True)
class VcpuInfo:
    """A vCPU's registers and where they are right now."""

    actor: str
    running_on: int | None
    """Logical processor, or None while the guest does not run."""
    where: str
    gprs: tuple[int, ...]
    rip: int
    rflags: int
    cr0: int
    cr3: int
    cr4: int
    efer: int
    mode_bits: int
    xmm: tuple[int, ...]


def vcpu(machine: Machine, actor: str = "guest") -> VcpuInfo:
    """Registers of the guest's vCPU 0; all zero while there is no such guest."""
    actor = guest_actor(machine) if actor == "guest" else actor
    cpu, lp, where = _find(machine, actor)
    return VcpuInfo(
        actor, lp, where, tuple(cpu.gprs), cpu.rip, cpu.rflags, cpu.cr0, cpu.cr3, cpu.cr4,
        cpu.efer, cpu.bits, tuple(cpu.xmm),
    )  # fmt: skip


def _find(machine: Machine, actor: str) -> tuple[CpuState, int | None, str]:
    for vm in machine.vms.values():
        if vm.actor == actor:
            running = vm.lp if vm.lp >= 0 else None
            return vm.cpu, running, "in the core" if vm.lp >= 0 else "VMCS and host registers"
    if machine.module is not None:
        for td in tds(machine.platform, machine.module):
            if td.actor != actor:
                continue
            for lp in machine.platform.lps:
                if lp.mode == "td" and lp.tdvpr in td.vcpus:
                    return lp.cpu, lp.id, "in the core"
            if td.vcpus:
                return saved_cpu(machine.platform, td), None, "saved in TDVPS"
    return CpuState(rip=0, rflags=0, cr0=0, cr4=0, efer=0), None, "no such guest"


def disassembly(machine: Machine, count: int = 12) -> tuple[tuple[int, bytes, str, bool], ...]:
    """Up to ``count`` instructions around RIP, from the guest's own memory: address, bytes, text,
    and whether it is the next to execute."""
    info = vcpu(machine)
    start = _start(machine.books.starts, info.rip)
    code = _guest_code(machine, info, start, info.rip + 64 - start)
    rows = disasm.lines(code, start, info.mode_bits)
    here = next((n for n, row in enumerate(rows) if row[0] == info.rip), 0)
    first = max(0, here - count // 3)
    return tuple((rip, raw, text, rip == info.rip) for rip, raw, text in rows[first : first + count])


def _start(starts: tuple[Gla, ...], rip: Gla) -> Gla:
    """An instruction boundary at or before RIP: the last known line of the program near it."""
    known = [at for at in starts if rip - 32 <= at <= rip]
    return known[0] if known else rip


def _guest_code(machine: Machine, info: VcpuInfo, start: Gla, size: int) -> bytes:
    code = b""
    for gla in range(start, start + size):
        if not code or gla % 64 == 0:
            hpa = translate(machine, gla, cr3=info.cr3, paging=bool(info.cr0 >> 31))
            if hpa is None:
                break
            room = min(64 - gla % 64, start + size - gla)
            seen = observe(machine, "guest", hpa, room)
            if seen.data is None or seen.kind != "readable":
                break
            code += seen.data
    return code


def symbols(machine: Machine) -> dict[str, Gla]:
    """Names of the guest program that runs here."""
    return dict(machine.books.symbols)


def host_registers(machine: Machine, lp: int) -> tuple[int, ...]:
    """General registers that host software finds on a logical processor."""
    return tuple(machine.platform.lps[lp].gprs)
