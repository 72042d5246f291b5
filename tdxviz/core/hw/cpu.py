"""The architectural state of one vCPU while a logical processor runs it. Data only."""

from dataclasses import dataclass, field

from tdxviz.core.arch.registers import (
    GPR_NAMES,
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
)  # fmt: skip

__all__ = [
    "GPR_NAMES", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15", "RAX", "RBP", "RBX", "RCX",
    "RDI", "RDX", "RSI", "RSP", "CpuState",
]  # fmt: skip


@dataclass(slots=True)
class CpuState:
    """Registers of a guest. ``long_mode`` and ``bits`` follow from CR0, EFER and CS and are kept
    up to date by whoever writes those."""

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
    gdt_limit: int = 0
    idt_base: int = 0
    idt_limit: int = 0
    xmm: list[int] = field(default_factory=lambda: [0] * 16)
    halted: bool = False
    cs: int = 0x8
    ss: int = 0x10

    @property
    def paging(self) -> bool:
        return bool(self.cr0 >> 31)

    def copy(self) -> "CpuState":
        return CpuState(
            self.gprs.copy(), self.rip, self.rflags, self.cr0, self.cr2, self.cr3, self.cr4,
            self.efer, self.bits, self.cpl, self.gdt_base, self.gdt_limit, self.idt_base,
            self.idt_limit, self.xmm.copy(), self.halted, self.cs, self.ss,
        )  # fmt: skip
