"""The architectural state of one vCPU while a logical processor runs it. Data only."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tdxviz.core.arch import msrs as msr
from tdxviz.core.arch.registers import (
    CS,
    FS,
    GPR_NAMES,
    GS,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    RAX,
    RBP,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    RSP,
    SS,
)  # fmt: skip
from tdxviz.core.hw.x87 import RESET, Fpu

__all__ = [
    "GPR_NAMES", "NULL_SEGMENT", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15", "RAX", "RBP",
    "RBX", "RCX", "RDI", "RDX", "RSI", "RSP", "CpuState", "Segment",
]  # fmt: skip

NOWHERE = -1
USER = 3
CR4_CET = 1 << 23
SHADOW_STACK, BRANCH_TRACKING = 1, 4


class Segment(NamedTuple):
    """A segment register. ``attributes`` as a VMCS holds them: type 3:0, S 4, DPL 6:5, P 7, L 13,
    D/B 14, G 15, unusable 16."""

    selector: int
    base: int = 0
    limit: int = 0xFFFF_FFFF
    attributes: int = 0xC093

    @property
    def dpl(self) -> int:
        return self.attributes >> 5 & 3

    @property
    def long(self) -> bool:
        return bool(self.attributes >> 13 & 1)

    @property
    def usable(self) -> bool:
        return not self.attributes >> 16 & 1


NULL_SEGMENT = Segment(0, 0, 0, 0x1_0000)
FLAT_CODE = 0xC09B
INITIAL_LDTR, INITIAL_TR = Segment(0, 0, 0xFFFF, 0x1_0082), Segment(0, 0, 0xFFFF, 0x8B)


def _flat() -> list[Segment]:
    """ES CS SS DS FS GS of a fresh vCPU: flat, selectors 0."""
    segments = [Segment(0)] * 6
    segments[CS] = Segment(0, attributes=FLAT_CODE)
    return segments


@dataclass(slots=True)
class CpuState:
    """Registers of a guest. ``bits`` and ``cpl`` follow from EFER, CS and SS and are kept up to date
    by whoever writes those. A fresh one is a TD's initial vCPU (tdx-architecture 10.3)."""

    gprs: list[int] = field(default_factory=lambda: [0] * 16)
    rip: int = 0xFFFFFFF0
    rflags: int = 2
    cr0: int = 0x21
    cr2: int = 0
    cr3: int = 0
    cr4: int = 0x40
    """As the guest sees it: VMXE hidden."""
    efer: int = 0x901
    bits: int = 32
    """Decoding mode: 32 or 64."""
    cpl: int = 0
    gdt_base: int = 0
    gdt_limit: int = 0xFFFF
    idt_base: int = 0
    idt_limit: int = 0
    xmm: list[int] = field(default_factory=lambda: [0] * 16)
    fpu: Fpu = RESET
    halted: bool = False
    segments: list[Segment] = field(default_factory=_flat)
    """ES CS SS DS FS GS; index with the names of ``arch.registers``."""
    ldtr: Segment = INITIAL_LDTR
    tr: Segment = INITIAL_TR
    dr: list[int] = field(default_factory=lambda: [0] * 4)
    """DR0 to DR3."""
    dr6: int = 0xFFFF_0FF0
    dr7: int = 0x400
    xcr0: int = 1
    ssp: int = 0
    msrs: list[int] = field(default_factory=lambda: list(msr.INITIAL))
    """In the order of ``msrs.SAVED``; the slots have names there."""
    tpr: int = 0
    """Task priority of the virtual APIC; CR8 is its high half."""
    irr: int = 0
    """Virtual APIC: bit n = interrupt n is requested."""
    isr: int = 0
    """Virtual APIC: bit n = interrupt n is in service."""
    quiet_at: int = NOWHERE
    """STI and MOV SS: no interrupt is taken before the instruction at this address has run."""
    nmi_blocked: bool = False
    event: int = 0
    """An event that was being delivered when the guest had to leave; it comes before the next
    instruction. Format of a VM-entry interruption-information field, bit 31 = valid."""
    event_error: int = 0
    cet: int = 0
    """What CET enforces at this CPL (bits of IA32_U_CET or IA32_S_CET: 0 shadow stack, 2 branch
    tracking); follows from CR4, CPL and those MSRs by ``refresh_cet``."""

    @property
    def paging(self) -> bool:
        return bool(self.cr0 >> 31)

    @property
    def long_mode(self) -> bool:
        """EFER.LMA: 64-bit or compatibility mode."""
        return bool(self.efer >> 10 & 1)

    def refresh_cet(self) -> None:
        """After a write of CR4, CPL, IA32_U_CET or IA32_S_CET."""
        control = self.msrs[msr.U_CET if self.cpl == USER else msr.S_CET]
        self.cet = control & (SHADOW_STACK | BRANCH_TRACKING) if self.cr4 & CR4_CET else 0

    @property
    def cr8(self) -> int:
        return self.tpr >> 4

    @cr8.setter
    def cr8(self, value: int) -> None:
        self.tpr = (value & 0xF) << 4

    @property
    def cs(self) -> int:
        """Selector of CS; writing it leaves base, limit and attributes."""
        return self.segments[CS].selector

    @cs.setter
    def cs(self, selector: int) -> None:
        self.segments[CS] = self.segments[CS]._replace(selector=selector)

    @property
    def ss(self) -> int:
        return self.segments[SS].selector

    @ss.setter
    def ss(self, selector: int) -> None:
        self.segments[SS] = self.segments[SS]._replace(selector=selector)

    def msr(self, index: int) -> int | None:
        """An MSR that the vCPU itself holds, by its number; None for any other."""
        match index:
            case msr.EFER:
                return self.efer
            case msr.FS_BASE:
                return self.segments[FS].base
            case msr.GS_BASE:
                return self.segments[GS].base
        return self.msrs[msr.SLOT[index]] if index in msr.SLOT else None

    def set_msr(self, index: int, value: int) -> None:
        """Raises KeyError for an MSR that the vCPU does not hold."""
        match index:
            case msr.EFER:
                self.efer = value
            case msr.FS_BASE:
                self.segments[FS] = self.segments[FS]._replace(base=value)
            case msr.GS_BASE:
                self.segments[GS] = self.segments[GS]._replace(base=value)
            case _:
                self.msrs[msr.SLOT[index]] = value
                self.refresh_cet()

    def copy(self) -> "CpuState":
        return CpuState(
            self.gprs.copy(), self.rip, self.rflags, self.cr0, self.cr2, self.cr3, self.cr4,
            self.efer, self.bits, self.cpl, self.gdt_base, self.gdt_limit, self.idt_base,
            self.idt_limit, self.xmm.copy(), self.fpu, self.halted, self.segments.copy(), self.ldtr, self.tr,
            self.dr.copy(), self.dr6, self.dr7, self.xcr0, self.ssp, self.msrs.copy(), self.tpr,
            self.irr, self.isr, self.quiet_at, self.nmi_blocked, self.event, self.event_error, self.cet,
        )  # fmt: skip
