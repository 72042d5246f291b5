"""RDMSR and WRMSR as the processor executes them."""

import pytest

from tdxviz.core.hw import msr_access
from tdxviz.core.hw.cpu import CpuState


@pytest.mark.parametrize(
    ("index", "good", "bad"),
    [
        (0xC0000082, 0xFFFF_8000_0000_0000, 1 << 63), (0xC0000101, 0x7FFF_FFFF_FFFF, 1 << 47), (0x48, 7, 8),
        (0x277, 0x0007_0406_0007_0406, 2), (0x6A2, 0x4, 0x40), (0x6A4, 0x1000, 0x1001), (0xC0000084, 0x200, 1 << 32),
        (0x6A0, 0x800, 0xC00), (0x808, 0x20, 0x100), (0x49, 1, 2), (0x10B, 1, 3), (0xC0000103, 5, 1 << 32),
    ],
)  # fmt: skip
def test_values_that_an_msr_can_hold(index, good, bad):
    cpu = CpuState()
    before = cpu.copy()
    assert not msr_access.write(cpu, index, bad)
    assert cpu == before
    assert msr_access.write(cpu, index, good)
    if index not in (0x49, 0x10B):
        assert msr_access.read(cpu, index) == good


def test_commands_cannot_be_read_and_strangers_do_not_exist():
    assert msr_access.read(CpuState(), 0x49) is None
    assert msr_access.read(CpuState(), 0x1B) is None
    assert not msr_access.write(CpuState(), 0x1B, 0)
