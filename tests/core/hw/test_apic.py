"""The virtual APIC: priorities, end of interrupt, posted descriptors."""

import pytest

from tdxviz.core.hw import apic, physical
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import Platform


def cpu(irr=(), isr=(), tpr=0, flags=0x202) -> CpuState:
    state = CpuState(rflags=flags, tpr=tpr)
    state.irr, state.isr = sum(1 << n for n in irr), sum(1 << n for n in isr)
    return state


@pytest.mark.parametrize(
    ("irr", "isr", "tpr", "flags", "vector"),
    [
        ((0x41, 0x52), (), 0, 0x202, 0x52), ((0x41,), (), 0, 2, -1), ((0x41,), (), 0x40, 0x202, -1),
        ((0x41,), (), 0x3F, 0x202, 0x41), ((0x41,), (0x4F,), 0, 0x202, -1), ((0x51,), (0x4F,), 0, 0x202, 0x51),
        ((), (), 0, 0x202, -1), ((0x0E,), (), 0, 0x202, -1), ((0x1E,), (), 0, 0x202, 0x1E),
    ],
)  # fmt: skip
def test_priority_decides(irr, isr, tpr, flags, vector):
    """Vectors 0 to 15 have priority class 0 and are never above the processor's."""
    assert apic.deliverable(cpu(irr, isr, tpr, flags)) == vector


def test_accept_and_end_of_interrupt():
    state = cpu((0x41, 0x61))
    apic.accept(state, 0x61)
    assert (state.irr, state.isr, apic.ppr(state)) == (1 << 0x41, 1 << 0x61, 0x60)
    apic.accept(state, 0x41)
    apic.end_of_interrupt(state)
    assert state.isr == 1 << 0x41
    apic.end_of_interrupt(state)
    apic.end_of_interrupt(state)
    assert state.isr == 0


def test_registers_by_msr_number():
    state = cpu((0x41, 255), (0x80,), 0x30)
    assert apic.read(state, 0x808) == 0x30
    assert apic.read(state, 0x80A) == 0x80
    assert [apic.read(state, 0x820 + n) for n in range(8)] == [0, 0, 2, 0, 0, 0, 0, 1 << 31]
    assert apic.read(state, 0x814) == 1
    assert apic.read(state, 0x818) == 0
    assert apic.read(state, 0x802) is None


@pytest.mark.parametrize(
    ("index", "value", "taken"),
    [(0x808, 0x50, True), (0x808, 0x100, False), (0x80B, 0, True), (0x80B, 1, False), (0x83F, 0x44, True),
     (0x83F, 15, False), (0x810, 0, False), (0x80A, 0, False)],
)  # fmt: skip
def test_what_may_be_written(index, value, taken):
    assert apic.write(cpu(isr=(0x40,)), index, value) == taken


def test_a_posted_descriptor_is_emptied_into_the_requests():
    p, state = Platform.fresh("ci", 7), cpu((0x30,))
    word = 1 << 0x41 | 1 << 0xF0 | 1 << 256 | 0xE1 << 272 | 5 << 288
    physical.write_physical(p, 0x10_0040, 0, word.to_bytes(64, "little"))
    assert apic.take_posted(p, state, 0x10_0040, 0) == (0x41, 0xF0)
    assert state.irr == 1 << 0x30 | 1 << 0x41 | 1 << 0xF0
    left = int.from_bytes(physical.read_physical(p, 0x10_0040, 0, 64), "little")
    assert left == 0xE1 << 272 | 5 << 288
    assert apic.take_posted(p, state, 0x10_0040, 0) == ()
