"""The devices of q35 as a firmware asks for them."""

import pytest

from tdxviz.core.host.chipset import Chipset
from tdxviz.core.host.vmm import MMIO, RDMSR, Request
from tdxviz.core.units import MIB, U64

SHARED = 1 << 47


@pytest.fixture
def chipset() -> Chipset:
    return Chipset(memory=128 * MIB)


def config(chipset: Chipset, address: int, size: int = 4, offset: int = 0) -> int:
    chipset.port_out(0xCF8, 4, 1 << 31 | address)
    return chipset.port_in(0xCFC + offset, size)


def test_the_bridges_are_there_and_nothing_else(chipset):
    assert config(chipset, 0) == 0x29C0_8086
    assert config(chipset, 0, 2, 2) == 0x29C0
    assert config(chipset, 0x1F << 11) == 0x2918_8086
    assert config(chipset, 3 << 11) == 0xFFFF_FFFF
    assert config(chipset, 1 << 16) == 0xFFFF_FFFF
    chipset.port_out(0xCF8, 4, 0)
    assert chipset.port_in(0xCFC, 4) == 0xFFFF_FFFF


def test_a_register_keeps_what_is_written_an_identity_does_not(chipset):
    assert config(chipset, 0x1F << 11 | 0x40) == 1
    chipset.port_out(0xCFC, 4, 0x601)
    chipset.port_out(0xCFD, 1, 0x0B)
    assert config(chipset, 0x1F << 11 | 0x40) == 0xB01
    config(chipset, 0)
    chipset.port_out(0xCFC, 4, 0)
    assert config(chipset, 0) == 0x29C0_8086


def test_the_same_registers_are_found_in_memory(chipset):
    ecam = SHARED | 0xB000_0000
    assert chipset.mmio_in(ecam | 0x1F << 15, 4) == 0x2918_8086
    assert chipset.mmio_in(ecam | 2, 2) & 0xFFFF == 0x29C0
    chipset.mmio_out(ecam | 0x1F << 15 | 0x40, 4, 0x601)
    assert config(chipset, 0x1F << 11 | 0x40) == 0x601
    assert chipset.mmio_in(ecam | 5 << 15, 4) & 0xFFFF_FFFF == 0xFFFF_FFFF
    assert chipset.mmio_in(ecam | 0x100, 4) & 0xFFFF_FFFF == 0xFFFF_FFFF


def test_cmos_tells_the_memory(chipset):
    def cmos(register: int) -> int:
        chipset.port_out(0x70, 1, register)
        return chipset.port_in(0x71, 1)

    assert (cmos(0x34) | cmos(0x35) << 8) << 16 == 112 * MIB
    assert cmos(0x0D) == 0x80
    assert cmos(0x7F) == 0


def test_the_serial_port_writes_to_the_console(chipset):
    chipset.port_out(0x3FB, 1, 0x87)
    chipset.port_out(0x3F8, 1, 1)  # the divisor
    chipset.port_out(0x3FB, 1, 0x07)
    for byte in b"BdsDxe":
        assert chipset.port_in(0x3FD, 1) & 0x20
        chipset.port_out(0x3F8, 1, byte)
    assert bytes(chipset.console) == b"BdsDxe"


def test_the_clock_goes_on_and_a_reset_ends_it(chipset):
    first, second = chipset.port_in(0x608, 4), chipset.port_in(0x608, 4)
    assert 0 < first < second < 1 << 24
    assert not chipset.finished
    chipset.port_out(0xCF9, 1, 6)
    assert chipset.finished


def test_the_local_apic_is_where_its_base_says(chipset):
    base = chipset.serve(Request(RDMSR, {"R11": RDMSR, "R12": 0x1B}))["R11"]
    assert base == 0xFEE0_0900

    def mmio(gpa: int, value: int | None = None) -> int:
        regs = {"R12": 4, "R13": int(value is not None), "R14": SHARED | gpa, "R15": value or 0}
        return chipset.serve(Request(MMIO, regs)).get("R11", 0)

    assert mmio(0xFEE0_0030) == 0x5_0014
    mmio(0xFEE0_00F0, 0x10F)
    assert mmio(0xFEE0_00F0) == 0x10F
    assert mmio(0xFED4_0000) == 0xFFFF_FFFF  # no TPM
    assert chipset.mmio_in(0xFED4_0000, 8) == U64
