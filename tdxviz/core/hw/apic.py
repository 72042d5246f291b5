"""The virtual APIC of a vCPU and posted interrupts.

Requests live in the vCPU (``irr``, ``isr``, ``tpr``) while it runs and in its virtual APIC page else.
Edge-triggered only. Source: Intel SDM volume 3, APIC virtualisation; tdx-architecture 9.5.
"""

from tdxviz.core.hw import physical
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import Hkid, Hpa

IF = 1 << 9
ON, SN = 1 << 256, 1 << 257
PIR = (1 << 256) - 1
DESCRIPTOR = 64
"""Bytes of a posted-interrupt descriptor: PIR 255:0, ON 256, SN 257, NV 279:272, NDST 319:288."""

TPR, PPR, EOI, SELF_IPI = 0x808, 0x80A, 0x80B, 0x83F
ISR, TMR, IRR = 0x810, 0x818, 0x820


def highest(bits: int) -> int:
    """Highest set bit, -1 for none."""
    return bits.bit_length() - 1


def ppr(cpu: CpuState) -> int:
    """Processor priority: the higher of the task's and of the interrupt in service."""
    in_service = max(highest(cpu.isr), 0)
    return cpu.tpr if cpu.tpr & 0xF0 >= in_service & 0xF0 else in_service & 0xF0


def deliverable(cpu: CpuState) -> int:
    """Vector that the guest takes at this instruction boundary, -1 for none."""
    vector = highest(cpu.irr)
    if vector < 0 or not cpu.rflags & IF or cpu.quiet_at == cpu.rip:
        return -1
    return vector if vector & 0xF0 > ppr(cpu) & 0xF0 else -1


def accept(cpu: CpuState, vector: int) -> None:
    """The vector goes from requested to in service."""
    cpu.irr &= ~(1 << vector)
    cpu.isr |= 1 << vector


def end_of_interrupt(cpu: CpuState) -> None:
    cpu.isr &= ~(1 << highest(cpu.isr)) if cpu.isr else cpu.isr


def request(cpu: CpuState, vector: int) -> None:
    cpu.irr |= 1 << vector


def take_posted(p: Platform, cpu: CpuState, descriptor: Hpa, keyid: Hkid) -> tuple[int, ...]:
    """Posted-interrupt processing: ON is cleared, PIR moves into IRR. Returns the vectors.

    Raises:
        MachineCheck: the descriptor is poisoned.
    """
    word = int.from_bytes(physical.read_physical(p, descriptor, keyid, DESCRIPTOR), "little")
    posted = word & PIR
    cleared = word & ~PIR & ~ON
    physical.write_physical(p, descriptor, keyid, cleared.to_bytes(DESCRIPTOR, "little"))
    cpu.irr |= posted
    return tuple(n for n in range(256) if posted >> n & 1)


def read(cpu: CpuState, index: int) -> int | None:
    """A virtualised x2APIC register by MSR number; None for any other."""
    if index == TPR:
        return cpu.tpr
    if index == PPR:
        return ppr(cpu)
    for first, bits in ((ISR, cpu.isr), (TMR, 0), (IRR, cpu.irr)):
        if first <= index < first + 8:
            return bits >> 32 * (index - first) & 0xFFFF_FFFF
    return None


def write(cpu: CpuState, index: int, value: int) -> bool:
    """A virtualised x2APIC register; False when the value or the register is not writable."""
    match index:
        case 0x808 if value < 0x100:
            cpu.tpr = value
        case 0x80B if value == 0:
            end_of_interrupt(cpu)
        case 0x83F if 16 <= value < 0x100:
            request(cpu, value)
        case _:
            return False
    return True
