"""A vCPU's registers in its TDVPS pages: every one comes back, and only under the TD's key."""

import dataclasses

from tdxviz.core.arch import msrs
from tdxviz.core.arch import structures as s
from tdxviz.core.hw import physical, x87
from tdxviz.core.hw.cpu import CpuState, Segment
from tdxviz.core.tdx import inspect, vcpu_state
from tests.core.tdx import kit


def full() -> CpuState:
    """A different value in every field."""
    cpu = CpuState()
    for number, field in enumerate(dataclasses.fields(cpu)):
        if isinstance(getattr(cpu, field.name), int) and field.name not in ("halted", "nmi_blocked"):
            setattr(cpu, field.name, 0x100 + number)
    cpu.bits, cpu.cpl, cpu.quiet_at, cpu.tpr = 64, 3, cpu.rip, 0x70
    cpu.halted = cpu.nmi_blocked = True
    cpu.gprs = [0x1000 + n for n in range(16)]
    cpu.fpu = x87.Fpu(
        0x341, 0x1841, 0x81, 0x123, 0x456, 0x789, 0x1FBF, tuple((n + 1) << 72 for n in range(8))
    )
    cpu.xmm = [(0x2000 + n) << 100 | n for n in range(16)]
    cpu.segments = [Segment(n, 0x7FFF_0000_0000 + n, 0x3000 + n, 0xA09B + n) for n in range(6)]
    cpu.ldtr, cpu.tr = Segment(7, 1, 2, 3), Segment(8, 4, 5, 6)
    cpu.dr = [0x4000 + n for n in range(4)]
    cpu.msrs = [0x5000 + n for n in range(len(msrs.SAVED))]
    cpu.irr, cpu.isr = 1 << 255 | 1 << 33, 1 << 128 | 1 << 31
    cpu.refresh_cet()
    return cpu


def test_every_register_comes_back():
    machine, cpu = kit.before("running"), full()
    vcpu = kit.vcpu(machine)
    vcpu_state.save(vcpu, cpu)
    assert vcpu_state.restore(vcpu) == cpu
    (td,) = inspect.tds(machine.platform, machine.module)
    assert inspect.saved_cpu(machine.platform, td) == cpu


def test_fields_have_their_names_in_the_layout():
    machine, cpu = kit.before("running"), full()
    vps = kit.vcpu(machine).vps
    vcpu_state.save(kit.vcpu(machine), cpu)
    assert (vps["RIP"], vps["R15"], vps["DR3"], vps["CR2"]) == (cpu.rip, 0x100F, 0x4003, cpu.cr2)
    assert (vps["IA32_LSTAR"], vps["XMM15"]) == (cpu.msrs[msrs.LSTAR], cpu.xmm[15])
    assert (vps["SS_BASE"], vps["TR_ATTRIBUTES"], vps["TPR"]) == (0x7FFF_0000_0002, 6, 0x70)
    assert (vps["IRR1"], vps["IRR7"], vps["ISR0"], vps["ISR4"]) == (2, 1 << 31, 1 << 31, 1)


def test_the_fpu_stands_in_the_format_of_fxsave():
    machine, cpu = kit.before("running"), full()
    vcpu = kit.vcpu(machine)
    vcpu_state.save(vcpu, cpu)
    assert vcpu.vps.raw("FPU") == x87.pack(cpu.fpu)
    assert x87.pack(cpu.fpu)[24:28] == (0x1FBF).to_bytes(4, "little")


def test_an_mxcsr_that_cannot_be_loaded_is_an_objection():
    cpu = full()
    cpu.msrs, cpu.xcr0, cpu.rflags = CpuState().msrs, 1, 2
    assert vcpu_state.objection(cpu, 3) is None
    cpu.fpu = cpu.fpu._replace(mxcsr=1 << 16)
    assert vcpu_state.objection(cpu, 3)[1] == "the saved MXCSR cannot be loaded"


def test_a_stale_interrupt_shadow_is_not_saved():
    machine, cpu = kit.before("running"), full()
    cpu.quiet_at = cpu.rip - 1
    vcpu_state.save(kit.vcpu(machine), cpu)
    assert vcpu_state.restore(kit.vcpu(machine)).quiet_at == -1


def test_dram_holds_ciphertext_of_it():
    machine, cpu = kit.before("running"), full()
    vcpu = kit.vcpu(machine)
    vcpu_state.save(vcpu, cpu)
    page, offset, _ = s.TDVPS["RAX"]
    at = vcpu.vps.page(page) + offset
    physical.evict(machine.platform, at & -64, vcpu.vps.hkid, "test")
    line = machine.platform.dram.line(at & -64)
    assert line is not None
    assert (0x1000).to_bytes(8, "little") not in line.data
    assert vcpu.vps["RAX"] == 0x1000
