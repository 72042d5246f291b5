"""A vCPU's registers in its TDVPS pages: how they get there and back.

Whole runs of fields are packed and written at once; a TD exit happens for every character that a
guest prints.
"""

import struct
from collections.abc import Callable, Iterator

from tdxviz.core.arch import exits, msrs
from tdxviz.core.arch import structures as s
from tdxviz.core.hw import msr_access, physical, x87
from tdxviz.core.hw.cpu import NOWHERE, CpuState, Segment
from tdxviz.core.tdx.structs import Vcpu
from tdxviz.core.units import U64

XMM_MASK = (1 << 128) - 1
HLT, NMI_BLOCKED = 1, 1 << 8
MSR_LOAD_FAILURE, XSTATE_LOAD_FAILURE = 3, 4
"""Types of extended exit qualification."""
READ = Callable[[int, int, int], bytes]
"""Page index, offset, size -> bytes of the TDVPS."""

GPRS, GUEST, MSRS = s.TDVPS["RAX"], s.TDVPS["DR0"], s.TDVPS[msrs.SAVED[next(iter(msrs.SAVED))]]
VMCS, SEGMENTS = s.TDVPS["RIP"], s.TDVPS["ES_SELECTOR"]
TPR, ISR, IRR, FPU = s.TDVPS["TPR"], s.TDVPS["ISR0"], s.TDVPS["IRR0"], s.TDVPS["FPU"]
APIC_SIZE = 0x80
EXTENDED = x87.SIZE + 256
"""Bytes of x87, MXCSR and XMM, in FXSAVE's format."""


def save(vcpu: Vcpu, cpu: CpuState) -> None:
    """Write all registers into the vCPU's pages, under the TD's key."""
    for (page, offset, _), data in _blocks(cpu):
        physical.write_physical(vcpu.td.p, vcpu.vps.page(page) + offset, vcpu.vps.hkid, data)


def _blocks(cpu: CpuState) -> Iterator[tuple[tuple[int, int, int], bytes]]:
    """(Place of the first field, bytes) of every run of fields."""
    yield GPRS, _words(cpu.gprs)
    yield GUEST, _words([*cpu.dr, cpu.dr6, cpu.xcr0, cpu.cr2])
    yield MSRS, _words(cpu.msrs)
    activity = cpu.halted | cpu.nmi_blocked << 8
    yield VMCS, _words([
        cpu.rip, cpu.rflags, cpu.cr0, cpu.cr3, cpu.cr4, cpu.efer, cpu.bits, cpu.cpl, cpu.gdt_base,
        cpu.gdt_limit, cpu.idt_base, cpu.idt_limit, cpu.dr7, cpu.ssp,
        cpu.rip if cpu.quiet_at == cpu.rip else U64, activity, cpu.event,
        cpu.event_error,
    ])  # fmt: skip
    yield SEGMENTS, _words([part for segment in (*cpu.segments, cpu.ldtr, cpu.tr) for part in segment])
    yield FPU, x87.pack(cpu.fpu) + b"".join((value & XMM_MASK).to_bytes(16, "little") for value in cpu.xmm)
    yield TPR, cpu.tpr.to_bytes(4, "little")
    yield ISR, _spread(cpu.isr)
    yield IRR, _spread(cpu.irr)


def _words(values: list[int]) -> bytes:
    return struct.pack(f"<{len(values)}Q", *[value & U64 for value in values])


def _spread(bits: int) -> bytes:
    """256 bits in eight 32-bit registers, 16 bytes apart."""
    return b"".join((bits >> 32 * n & 0xFFFF_FFFF).to_bytes(16, "little") for n in range(8))


def _gather(data: bytes) -> int:
    return sum(int.from_bytes(data[16 * n : 16 * n + 4], "little") << 32 * n for n in range(8))


def objection(cpu: CpuState, xfam: int) -> tuple[int, str, int] | None:
    """Why the processor does not accept this state at entry: exit reason, words, extended exit
    qualification. Damaged pages may hold anything. Source: tdx-architecture 9.1, step 8."""
    for index, slot in msrs.SLOT.items():
        if not msr_access.legal(index, cpu.msrs[slot]):
            why = f"the saved {msrs.SAVED[index]} = {cpu.msrs[slot]:#x} cannot be loaded"
            return exits.MSR_LOADING, why, MSR_LOAD_FAILURE | (index & 0xFFFF_FFFF) << 32
    if cpu.xcr0 & ~xfam or not cpu.xcr0 & 1:
        return exits.INVALID_GUEST_STATE, "the saved XCR0 cannot be loaded", XSTATE_LOAD_FAILURE
    if cpu.fpu.mxcsr & ~x87.MXCSR_KNOWN:
        return exits.INVALID_GUEST_STATE, "the saved MXCSR cannot be loaded", XSTATE_LOAD_FAILURE
    if cpu.bits not in (32, 64) or cpu.cpl not in range(4) or not cpu.rflags & 2 or cpu.rflags >> 22:
        return exits.INVALID_GUEST_STATE, "the saved registers of the vCPU are no valid state", 0
    return None


def restore(vcpu: Vcpu) -> CpuState:
    """Read them back. Raises MachineCheck if somebody damaged a page."""
    p, vps = vcpu.td.p, vcpu.vps
    return load(lambda page, offset, size: physical.read_physical(p, vps.page(page) + offset, vps.hkid, size))


def load(read: READ) -> CpuState:
    """The registers that the bytes of a TDVPS describe."""
    cpu = CpuState()

    def words(place: tuple[int, int, int], count: int) -> list[int]:
        return list(struct.unpack(f"<{count}Q", read(place[0], place[1], count * 8)))

    cpu.gprs, cpu.msrs = words(GPRS, 16), words(MSRS, len(msrs.SAVED))
    *cpu.dr, cpu.dr6, cpu.xcr0, cpu.cr2 = words(GUEST, len(s.GUEST_STATE))
    (
        cpu.rip, cpu.rflags, cpu.cr0, cpu.cr3, cpu.cr4, cpu.efer, cpu.bits, cpu.cpl, cpu.gdt_base,
        cpu.gdt_limit, cpu.idt_base, cpu.idt_limit, cpu.dr7, cpu.ssp, quiet_at, activity,
        cpu.event, cpu.event_error,
    ) = words(VMCS, len(s.VMCS_STATE))  # fmt: skip
    cpu.quiet_at = NOWHERE if quiet_at == U64 else quiet_at
    cpu.halted, cpu.nmi_blocked = bool(activity & HLT), bool(activity & NMI_BLOCKED)
    parts = words(SEGMENTS, len(s.VMCS_SEGMENTS))
    *cpu.segments, cpu.ldtr, cpu.tr = [Segment(*parts[n : n + 4]) for n in range(0, len(parts), 4)]
    raw = read(FPU[0], FPU[1], EXTENDED)
    cpu.fpu = x87.unpack(raw)
    cpu.xmm = [int.from_bytes(raw[n : n + 16], "little") for n in range(x87.SIZE, EXTENDED, 16)]
    cpu.tpr = int.from_bytes(read(*TPR), "little")
    cpu.isr, cpu.irr = _gather(read(*ISR[:2], APIC_SIZE)), _gather(read(*IRR[:2], APIC_SIZE))
    cpu.refresh_cet()
    return cpu
