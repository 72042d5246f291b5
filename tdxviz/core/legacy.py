"""Ordinary VMs: the guests of the legacy world, and neighbours of TDs in the others, as on every TDX host.
EPT, VMCS and registers are all the host's.

Nothing here protects the guest; that is the point of the contrast.
"""

from typing import TypeAlias

from tdxviz.core import commands as c
from tdxviz.core import legacy_guest
from tdxviz.core.arch import exits
from tdxviz.core.events import (
    CommandRefused,
    MachineCheckRaised,
    VmConfigured,
    VmCpuidChosen,
    VmEntered,
    VmExited,
    VmStateWritten,
)
from tdxviz.core.faults import Architectural, EptViolation, GuestFault, Intercept, MachineCheck
from tdxviz.core.hw import interrupts, path, physical
from tdxviz.core.hw.cpu import GPR_NAMES
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import INIT, MSMI, NMI, SMI, LogicalProcessor
from tdxviz.core.hw.walk import MISCONFIGURED
from tdxviz.core.units import MAX_KEYID, PAGE, U64, Gpa, Hpa, with_keyid
from tdxviz.core.world import State, Vm

RWX = 7
FRAME = 0x000F_FFFF_FFFF_F000
UD = 6
LOW = 0xFFFF_FFFF

VmCommand: TypeAlias = c.VmCreate | c.VmMap | c.VmEnter | c.VmWrite | c.VmCpuid | c.VmInvept


def vm_command(state: State, command: VmCommand) -> None:
    reason = _objection(state, command)
    if reason:
        lp = getattr(command, "lp", -1)
        state.platform.note(CommandRefused(lp=lp, command=type(command).__name__, reason=reason))
        return
    match command:
        case c.VmCreate():
            vm = state.vms[command.vm] = Vm(command.vm, command.eptp)
            state.platform.note(VmConfigured(vm=vm.actor, gpa=0, hpa=command.eptp))
        case c.VmMap():
            _map(state, state.vms[command.vm], command)
        case c.VmInvept():
            _invept(state, state.vms[command.vm])
        case c.VmWrite():
            _write(state, state.vms[command.vm], command)
        case c.VmCpuid():
            _choose_cpuid(state, state.vms[command.vm], command)
        case c.VmEnter():
            _enter(state, state.vms[command.vm], state.platform.lps[command.lp])


def _objection(state: State, command: VmCommand) -> str:
    if isinstance(command, c.VmCreate):
        if not 0 <= command.vm < 26:
            return f"VM number {command.vm} must be 0..25"
        return _bad_page(state, command.eptp)
    if command.vm not in state.vms:
        return f"there is no VM {command.vm}"
    if isinstance(command, c.VmMap):
        if not 0 <= command.keyid <= MAX_KEYID:
            return f"KeyID {command.keyid} must be 0..{MAX_KEYID}"
        return _bad_page(state, command.hpa) or _bad_page(state, command.tables)
    if isinstance(command, c.VmInvept | c.VmCpuid):
        return ""
    if isinstance(command, c.VmWrite):
        if state.vms[command.vm].lp >= 0:
            return f"VM {command.vm} runs; its registers are in the core"
        known = ("RIP", c.INJECTION, *GPR_NAMES)
        return "" if command.register in known else f"no {command.register!r} is saved: {', '.join(known)}"
    if state.platform.lps[command.lp].mode != "host":
        return f"a guest already runs on logical processor {command.lp}"
    if state.vms[command.vm].lp >= 0:
        return f"VM {command.vm} already runs on logical processor {state.vms[command.vm].lp}"
    return ""


def _bad_page(state: State, hpa: Hpa) -> str:
    if hpa % PAGE or not 0 <= hpa < state.platform.size:
        return f"{hpa:#x} is not a page of this machine's memory"
    return ""


def _map(state: State, vm: Vm, command: c.VmMap) -> None:
    """Walk the VM's EPT in host memory, adding tables from the pool the host named."""
    p = state.platform
    table, pool = vm.eptp, command.tables
    for level in (3, 2, 1):
        at = table + (command.gpa >> 12 + 9 * level & 511) * 8
        entry = int.from_bytes(physical.read_physical(p, at, 0, 8), "little")
        if not entry & RWX:
            pool = _unused(state, vm, pool)
            physical.write_page_direct(p, pool, 0, bytes(PAGE))
            entry = pool | RWX
            physical.write_physical(p, at, 0, entry.to_bytes(8, "little"))
        table = entry & FRAME
    at = table + (command.gpa >> 12 & 511) * 8
    entry = with_keyid(command.hpa, command.keyid) | command.perms & RWX
    physical.write_physical(p, at, 0, entry.to_bytes(8, "little"))
    p.note(VmConfigured(vm=vm.actor, gpa=command.gpa, hpa=command.hpa, keyid=command.keyid))


def _unused(state: State, vm: Vm, pool: Hpa) -> Hpa:
    """First page at or after ``pool`` that is not yet a table of this VM."""
    used = _tables(state, vm.eptp)
    while pool in used:
        pool += PAGE
    return pool


def _tables(state: State, root: Hpa) -> set[Hpa]:
    """Every table of an EPT, each looked at once however the host has tangled them."""
    known, todo = {(root, 3)}, [(root, 3)]
    while todo:
        table, level = todo.pop()
        page = physical.read_physical(state.platform, table, 0, PAGE) if level else b""
        for n in range(0, len(page), 8):
            entry = int.from_bytes(page[n : n + 8], "little")
            below = entry & FRAME, level - 1
            if entry & RWX and below[0] < state.platform.size and below not in known:
                known.add(below)
                todo.append(below)
    return {table for table, _ in known}


def _invept(state: State, vm: Vm) -> None:
    for lp in state.platform.lps:
        count = lp.tlb.flush(1 + vm.number)
        if count:
            state.platform.note(path.flushed(lp.id, 1 + vm.number, count, "INVEPT by the host"))


def _write(state: State, vm: Vm, command: c.VmWrite) -> None:
    value = command.value & U64
    if command.register == "RIP":
        vm.cpu.rip = value
    elif command.register == c.INJECTION:
        vm.cpu.event, vm.cpu.event_error = value & 0xFFFF_FFFF, 0
    else:
        vm.cpu.gprs[GPR_NAMES.index(command.register)] = value
    state.platform.note(VmStateWritten(vm=vm.actor, register=command.register, value=value))


def _choose_cpuid(state: State, vm: Vm, command: c.VmCpuid) -> None:
    leaf = command.leaf & LOW
    vm.cpuid[leaf] = command.eax & LOW, command.ebx & LOW, command.ecx & LOW, command.edx & LOW
    state.platform.note(VmCpuidChosen(vm=vm.actor, leaf=leaf, values=vm.cpuid[leaf]))


def _enter(state: State, vm: Vm, lp: LogicalProcessor) -> None:
    lp.mode, lp.vm, vm.lp = "vm", vm.number, lp.id
    lp.cpu = vm.cpu
    state.platform.note(VmEntered(lp=lp.id, vm=vm.actor))


def vm_exit(
    state: State, lp: LogicalProcessor, reason: int, why: str, gpa: Gpa = -1, *, qualification: int = 0,
    length: int = 0, linear: int = -1, information: int = 0,
) -> None:  # fmt: skip
    """The CPU saves RIP and RSP into the host's VMCS; every other register simply stays."""
    vm = state.vms[lp.vm]
    lp.gprs, lp.xmm = vm.cpu.gprs.copy(), vm.cpu.xmm.copy()
    lp.host.inherit(vm.cpu)
    lp.mode, lp.vm, vm.lp = "host", -1, -1
    state.platform.note(
        VmExited(
            lp=lp.id, vm=vm.actor, reason=reason, why=why, gpa=gpa, qualification=qualification,
            length=length, linear=linear, information=information,
        )
    )  # fmt: skip
    interrupts.host_takes(state.platform, lp)


def interruption(state: State, lp: LogicalProcessor, event: int) -> None:
    """Exits for interrupts, NMI, INIT and SMI, with the VM's registers where they are."""
    reasons = {NMI: (0, "NMI"), INIT: (3, "INIT signal"), SMI: (6, "SMI"), MSMI: (6, "SMI")}
    vm_exit(state, lp, *reasons.get(event, (1, f"external interrupt {event:#x}")))


def translation(state: State, lp: LogicalProcessor) -> Translation:
    vm = state.vms[lp.vm]
    return Translation(
        actor=vm.actor, vpid=1 + vm.number, hkid=0, sept_root=0, ept_root=vm.eptp,
        gpaw_shared_bit=-1, cpu=lp.cpu, epoch=0, walk_sept=False,
    )  # fmt: skip


def settle(state: State, lp: LogicalProcessor, outcome: Architectural) -> GuestFault | None:
    """What an ordinary hypervisor and CPU make of a guest's outcome."""
    match outcome:
        case EptViolation() if outcome.state == MISCONFIGURED:
            why = f"EPT misconfiguration at {outcome.gpa:#x}: {outcome.why}"
            vm_exit(state, lp, exits.EPT_MISCONFIGURATION, why, outcome.gpa)
        case EptViolation():
            vm_exit(state, lp, 48, f"EPT violation at {outcome.gpa:#x}", outcome.gpa)
        case MachineCheck():
            rip, actor = lp.cpu.rip, state.vms[lp.vm].actor
            state.platform.note(MachineCheckRaised(lp=lp.id, context=actor, hpa=outcome.hpa, rip=rip))
            vm_exit(state, lp, 0, "machine check")
        case Intercept():
            answer = legacy_guest.carry_out(state, lp, outcome, translation(state, lp))
            if isinstance(answer, legacy_guest.Leave):
                vm_exit(
                    state, lp, answer.reason, outcome.name, qualification=outcome.qualification,
                    length=answer.length, linear=outcome.linear, information=outcome.information,
                )  # fmt: skip
                return None
            return answer
        case _:
            return GuestFault(UD)
    return None
