"""A vCPU's registers: plain data with independent copies."""

import dataclasses

import pytest

from tdxviz.core.arch import msrs
from tdxviz.core.arch.registers import CS, SS
from tdxviz.core.hw.cpu import GPR_NAMES, NULL_SEGMENT, R15, RAX, RSP, CpuState, Segment


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
        if not isinstance(getattr(cpu, field.name), list):
            setattr(cpu, field.name, number + 100)
    cpu.gprs[3], cpu.xmm[2] = 5, 6
    twin = cpu.copy()
    assert twin == cpu
    twin.rip = 3
    assert cpu.rip != 3
    for field in dataclasses.fields(cpu):
        if isinstance(getattr(cpu, field.name), list):
            kept = getattr(cpu, field.name)[0]
            getattr(twin, field.name)[0] = 99
            assert getattr(cpu, field.name)[0] == kept, field.name


def test_selectors_are_in_their_segments():
    cpu = CpuState()
    cpu.cs, cpu.ss = 0x10, 0x18
    assert cpu.segments[CS] == Segment(0x10, 0, 0xFFFF_FFFF, 0xC09B)
    assert (cpu.cs, cpu.ss, cpu.segments[SS].dpl, cpu.segments[CS].long) == (0x10, 0x18, 0, False)
    assert not NULL_SEGMENT.usable


def test_cr8_is_the_high_half_of_the_task_priority():
    cpu = CpuState()
    cpu.cr8 = 0x5
    assert (cpu.tpr, cpu.cr8) == (0x50, 5)


@pytest.mark.parametrize("index", [*msrs.SAVED, msrs.EFER, msrs.FS_BASE, msrs.GS_BASE])
def test_every_msr_of_a_vcpu_keeps_what_is_written(index):
    cpu = CpuState()
    cpu.set_msr(index, 0x1234_5678_9ABC)
    assert cpu.msr(index) == 0x1234_5678_9ABC
    assert cpu != CpuState()


def test_other_msrs_are_not_the_vcpus():
    assert CpuState().msr(0x1B) is None
    assert CpuState().msr(0x277) == 0x0007_0406_0007_0406
