"""The devices that a firmware for QEMU's machine type q35 expects, as an honest host emulates them.

Just enough to answer truly: a memory size in CMOS, a host bridge and an ISA bridge, a serial port, the
ACPI timer, a local APIC, no TPM and no disk. Sources: QEMU's hw/i386 and docs/specs, the ICH9 datasheet,
Intel SDM volume 3, 11.4; the port and register numbers are those of the hardware.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tdxviz.core.host.vmm import SHARED_BIT, Vmm
from tdxviz.core.units import MIB, U64, Gpa

SERIAL = 0x3F8
DEBUG, DEBUG_THERE = 0x402, 0xE9
LINE_CONTROL, LINE_STATUS, INTERRUPT_ID, MODEM_STATUS = SERIAL + 3, SERIAL + 5, SERIAL + 2, SERIAL + 6
LATCH, EMPTY, CONNECTED = 0x80, 0x60, 0xB0
"""Divisor latch selected; the transmitter is empty; CTS, DSR and DCD are there."""
CMOS, CMOS_DATA = 0x70, 0x71
ADDRESS, DATA = 0xCF8, 0xCFC
RESET = 0xCF9
RESET_NOW = 4
TIMERS = (0x608, 0xB008)
"""The ACPI timer of q35 and of the older machine type."""
TICKS_A_READ, TIMER_BITS = 358, 24
"""Each look at the clock costs the guest an exit: about 100 microseconds at 3.58 MHz."""
ECAM: Gpa = 0xB000_0000
ECAM_SIZE = 0x1000_0000
"""PCI registers as memory: bus 27:20, device and function 19:12, register 11:0."""
APIC_BASE = 0x1B
APIC: Gpa = 0xFEE0_0000
APIC_ON = APIC | 0x900
"""Enabled, bootstrap processor."""
APIC_VERSION, APIC_PAGE = 0x5_0014, 0x1000
COUNT, CURRENT = 0x380, 0x390

WANTS_RESET = -1
"""In place of a fatal error's code: the firmware has asked for a reset of the machine."""

CONFIGURATION = {
    (0, 0x00): 0x29C0_8086, (0, 0x08): 0x0600_0000, (0, 0x2C): 0x1100_1AF4,
    (0x1F << 3, 0x00): 0x2918_8086, (0x1F << 3, 0x08): 0x0601_0002, (0x1F << 3, 0x0C): 0x0080_0000,
    (0x1F << 3, 0x2C): 0x1100_1AF4, (0x1F << 3, 0x40): 0x0000_0001,
}  # fmt: skip
"""(device << 3 | function on bus 0, register) -> its 32 bits at reset: the Q35 host bridge, the ICH9 ISA bridge."""
READ_ONLY = (0x00, 0x08, 0x2C)
CONFIG_KEY = 1 << 32
"""PCI registers that were written are kept among the ports, with this bit."""
CLOCK_KEY = 1 << 33

CMOS_FIXED = {
    0x00: 0x00, 0x02: 0x00, 0x04: 0x12, 0x06: 0x05, 0x07: 0x01, 0x08: 0x01, 0x09: 0x26, 0x32: 0x20,
    0x0A: 0x26, 0x0B: 0x02, 0x0D: 0x80, 0x0F: 0x00, 0x15: 0x80, 0x16: 0x02,
}  # fmt: skip
"""Time stands still at noon of 1 January 2026; the battery is good; 640 KiB below the hole."""


@dataclass
class Chipset(Vmm):
    """``memory``: bytes of the guest's memory, from 0 up, below 3 GiB."""

    memory: int = 0

    def port_in(self, port: int, size: int) -> int:
        return self._port(port, size) & (1 << 8 * size) - 1

    def _port(self, port: int, size: int) -> int:
        if DATA <= port < DATA + 4:
            return self._configuration(self.ports.get(ADDRESS, 0)) >> 8 * (port - DATA)
        if port in TIMERS:
            now = self.ports.get(CLOCK_KEY, 0) + TICKS_A_READ
            self.ports[CLOCK_KEY] = now
            return now & (1 << TIMER_BITS) - 1
        if port == CMOS_DATA:
            return self._cmos(self.ports.get(CMOS, 0) & 0x7F)
        if port in FIXED:
            return FIXED[port]
        return super().port_in(port, size)

    def port_out(self, port: int, size: int, value: int) -> None:
        if (port == SERIAL and not self.ports.get(LINE_CONTROL, 0) & LATCH) or port == DEBUG:
            self.console.append(value & 0xFF)
        elif port == RESET and size == 1 and value & RESET_NOW:
            self.fatal = WANTS_RESET, b""
        elif DATA <= port < DATA + 4:
            self._configure(self.ports.get(ADDRESS, 0), port - DATA, size, value)
        else:
            super().port_out(port, size, value)

    # --- PCI ------------------------------------------------------------------------------

    def _configuration(self, address: int) -> int:
        """All ones where no device is."""
        where, register = address >> 8 & 0xFFFF, address & 0xFC
        if not address >> 31 or (where, 0) not in CONFIGURATION:
            return U64
        there = CONFIGURATION.get((where, register), 0)
        return self.ports.get(CONFIG_KEY | address & 0xFF_FFFC, there)

    def _configure(self, address: int, offset: int, size: int, value: int) -> None:
        where, register = address >> 8 & 0xFFFF, address & 0xFC
        if not address >> 31 or (where, 0) not in CONFIGURATION or register in READ_ONLY:
            return
        low = (1 << 8 * size) - 1 << 8 * offset
        now = self._configuration(address)
        self.ports[CONFIG_KEY | address & 0xFF_FFFC] = (now & ~low | value << 8 * offset & low) & 0xFFFF_FFFF

    @staticmethod
    def _by_memory(at: Gpa) -> tuple[int, int]:
        """Address and byte in it, as the two ports have them. Extended registers do not exist here."""
        offset = at - ECAM
        if offset >> 8 & 0xF:
            return 0, 0
        return 1 << 31 | offset >> 12 << 8 | offset & 0xFC, offset & 3

    # --- CMOS -----------------------------------------------------------------------------

    def _cmos(self, register: int) -> int:
        above = max(self.memory - 16 * MIB, 0) >> 16
        extended = min(max(self.memory - MIB, 0) >> 10, 0xFC00)
        sized = {
            0x34: above & 0xFF, 0x35: above >> 8 & 0xFF, 0x17: extended & 0xFF, 0x18: extended >> 8,
            0x30: extended & 0xFF, 0x31: extended >> 8,
        }  # fmt: skip
        return sized.get(register, CMOS_FIXED.get(register, 0))

    # --- MSRs and memory-mapped registers ----------------------------------------------------

    def read_msr(self, index: int) -> int:
        return self.msrs.get(index, APIC_ON if index == APIC_BASE else 0)

    def mmio_in(self, gpa: int, size: int) -> int:
        at = gpa & (1 << SHARED_BIT) - 1
        if ECAM <= at < ECAM + ECAM_SIZE:
            address, byte = self._by_memory(at)
            return self._configuration(address) >> 8 * byte
        if not APIC <= at < APIC + APIC_PAGE:
            return U64  # nothing is there, no TPM either
        fixed: dict[int, Callable[[], int]] = {
            0x30: lambda: APIC_VERSION,
            CURRENT: lambda: self.mmio.get(gpa - CURRENT + COUNT, 0) // 2,
        }
        given = fixed.get(at - APIC)
        return given() if given else self.mmio.get(gpa, 0)

    def mmio_out(self, gpa: int, size: int, value: int) -> None:
        at = gpa & (1 << SHARED_BIT) - 1
        if ECAM <= at < ECAM + ECAM_SIZE:
            address, byte = self._by_memory(at)
            self._configure(address, byte, size, value)
        else:
            super().mmio_out(gpa, size, value)


FIXED = {
    LINE_STATUS: EMPTY, INTERRUPT_ID: 1, MODEM_STATUS: CONNECTED, DEBUG: DEBUG_THERE, 0x64: 0x1C,
    0x20: 0, 0xA0: 0, 0x61: 0x20,
}  # fmt: skip
"""Ports that always read the same: serial status, debug console, keyboard and interrupt controllers."""
