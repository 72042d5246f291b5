"""RDMSR and WRMSR as the processor executes them on a vCPU's own MSRs. Source: Intel SDM volume 4."""

from tdxviz.core.arch import msrs
from tdxviz.core.hw import apic
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.walk import is_canonical

PRED_CMD, FLUSH_CMD, PAT = 0x49, 0x10B, 0x277
COMMANDS = {PRED_CMD, FLUSH_CMD}
"""Write-only; bit 0 is the command."""
ADDRESSES = {
    0x175, 0x176, 0x600, 0x6A8, 0xC0000082, 0xC0000083, 0xC0000100, 0xC0000101, 0xC0000102,
}  # fmt: skip
SSPS = range(0x6A4, 0x6A8)
RESERVED = {
    0x48: ~0x507, 0x174: ~0xFFFF_FFFF, 0xC0000084: ~0xFFFF_FFFF, 0xC0000103: ~0xFFFF_FFFF,
    0x6A0: 0x3C0, 0x6A2: 0x3C0, 0x6E1: ~0xFFFF_FFFF, 0x1B01: ~1, 0xE1: ~0xFFFF_FFFD, 0x122: ~3,
}  # fmt: skip
"""MSR -> bits that must be zero."""
MEMORY_TYPES = (0, 1, 4, 5, 6, 7)
SUPPRESS, TRACKER = 1 << 10, 1 << 11


def read(cpu: CpuState, index: int) -> int | None:
    """None: the processor refuses (#GP), or the MSR is not one of a vCPU."""
    if index in COMMANDS:
        return None
    return apic.read(cpu, index) if index in msrs.X2APIC else cpu.msr(index)


def write(cpu: CpuState, index: int, value: int) -> bool:
    """False: the processor refuses (#GP), or the MSR is not one of a vCPU; nothing changed."""
    if index in COMMANDS:
        return value in (0, 1)
    if index in msrs.X2APIC:
        return apic.write(cpu, index, value)
    if cpu.msr(index) is None or not legal(index, value):
        return False
    cpu.set_msr(index, value)
    return True


def legal(index: int, value: int) -> bool:
    """Whether an MSR can hold a value."""
    if index in ADDRESSES or index in SSPS:
        return is_canonical(value) and not (index in SSPS and value & 3)
    if index in (0x6A0, 0x6A2) and (
        not is_canonical(value & ~0xFFF) or (value & SUPPRESS and value & TRACKER)
    ):
        return False
    if index == PAT:
        return all(value >> 8 * n & 0xFF in MEMORY_TYPES for n in range(8))
    return not value & RESERVED.get(index, 0)
