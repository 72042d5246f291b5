"""A vCPU's registers: plain data with independent copies."""

import dataclasses

from tdxviz.core.hw.cpu import GPR_NAMES, R15, RAX, RSP, CpuState


def test_reset_state():
    cpu = CpuState()
    assert (cpu.rip, cpu.rflags, cpu.cr0, cpu.cr4, cpu.efer, cpu.bits) == (
        0xFFFFFFF0,
        2,
        0x21,
        0x40,
        0x901,
        32,
    )
    assert not cpu.paging
    cpu.cr0 |= 1 << 31
    assert cpu.paging


def test_register_numbers_are_the_encoding_order():
    assert (GPR_NAMES[RAX], GPR_NAMES[RSP], GPR_NAMES[R15]) == ("RAX", "RSP", "R15")


def test_a_copy_has_every_field_and_is_independent():
    cpu = CpuState()
    for number, field in enumerate(dataclasses.fields(cpu)):
        if field.name not in ("gprs", "xmm"):
            setattr(cpu, field.name, number + 100)
    cpu.gprs[3], cpu.xmm[2] = 5, 6
    twin = cpu.copy()
    assert twin == cpu
    twin.gprs[0], twin.xmm[0], twin.rip = 1, 2, 3
    assert (cpu.gprs[0], cpu.xmm[0]) == (0, 0)
    assert cpu.rip != 3
