"""A vCPU's registers in its TDVPS pages: how they get there and back."""

from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.tdx.structs import Vcpu

PLAIN = {
    "RIP": "rip", "RFLAGS": "rflags", "CR0": "cr0", "CR2": "cr2", "CR3": "cr3", "CR4": "cr4",
    "EFER": "efer", "BITS": "bits", "CPL": "cpl", "GDT_BASE": "gdt_base",
    "GDT_LIMIT": "gdt_limit", "IDT_BASE": "idt_base", "IDT_LIMIT": "idt_limit", "CS": "cs", "SS": "ss",
}  # fmt: skip
"""TDVPS field -> attribute of CpuState."""


def save(vcpu: Vcpu, cpu: CpuState) -> None:
    """Write all registers into the vCPU's pages, under the TD's key."""
    vps = vcpu.vps
    for name, value in zip(GPR_NAMES, cpu.gprs, strict=True):
        vps[name] = value
    for name, attribute in PLAIN.items():
        vps[name] = getattr(cpu, attribute)
    vps["HALTED"] = int(cpu.halted)
    for number, value in enumerate(cpu.xmm):
        vps[f"XMM{number}"] = value


def can_be_loaded(cpu: CpuState) -> bool:
    """Whether the processor accepts this state at VM entry; damaged pages may hold anything."""
    return cpu.bits in (32, 64) and cpu.cpl in range(4)


def restore(vcpu: Vcpu) -> CpuState:
    """Read them back. Raises MachineCheck if somebody damaged a page."""
    vps, cpu = vcpu.vps, CpuState()
    cpu.gprs = [vps[name] for name in GPR_NAMES]
    for name, attribute in PLAIN.items():
        setattr(cpu, attribute, vps[name])
    cpu.halted = bool(vps["HALTED"])
    cpu.xmm = [vps[f"XMM{number}"] for number in range(16)]
    return cpu
