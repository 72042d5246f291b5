"""SYSCALL and SYSRET. Intel SDM volume 2."""

import pytest

from tdxviz.core.arch import msrs
from tdxviz.core.faults import GuestFault
from tdxviz.core.hw.cpu import CS, R11, RCX, SS
from tests.core.guest.kit import CODE, Guest

KERNEL = CODE + 0x200


def guest_with(code: str, cpl: int) -> Guest:
    guest = Guest(bytes.fromhex(code))
    cpu = guest.cpu
    cpu.efer |= 1
    cpu.cpl = cpl
    cpu.msrs[msrs.STAR] = 0x0013_0008 << 32
    cpu.msrs[msrs.LSTAR], cpu.msrs[msrs.FMASK] = KERNEL, 0x600
    return guest


def test_there_and_back():
    guest = guest_with("0f05", 3)
    guest.write(KERNEL, bytes.fromhex("480f07"))
    guest.cpu.rflags = 0x6D7
    guest.run()
    cpu = guest.cpu
    assert (cpu.rip, cpu.cpl, cpu.rflags) == (KERNEL, 0, 0xD7)
    assert (cpu.gprs[RCX], cpu.gprs[R11]) == (CODE + 2, 0x6D7)
    assert (cpu.segments[CS].selector, cpu.segments[SS].selector) == (8, 0x10)
    guest.run()
    assert (cpu.rip, cpu.cpl, cpu.rflags, cpu.bits) == (CODE + 2, 3, 0x6D7, 64)
    assert (cpu.segments[CS].selector, cpu.segments[SS].selector) == (0x23, 0x1B)
    assert cpu.segments[CS].dpl == cpu.segments[SS].dpl == 3


def test_sysret_without_rex_goes_to_32_bit_code():
    guest = guest_with("0f07", 0)
    guest.cpu.gprs[RCX], guest.cpu.gprs[R11] = 0x1_0000_1234, 2
    guest.run()
    assert (guest.cpu.rip, guest.cpu.bits, guest.cpu.segments[CS].selector) == (0x1234, 32, 0x13)


@pytest.mark.parametrize(
    ("code", "cpl", "rcx", "enabled", "vector"),
    [("0f05", 3, 0, False, 6), ("480f07", 0, 0, False, 6), ("480f07", 3, 0, True, 13), ("480f07", 0, 1 << 60, True, 13)],
)  # fmt: skip
def test_refused(code, cpl, rcx, enabled, vector):
    guest = guest_with(code, cpl)
    guest.cpu.gprs[RCX] = rcx
    if not enabled:
        guest.cpu.efer &= ~1
    before = guest.cpu.copy()
    with pytest.raises(GuestFault) as caught:
        guest.run()
    assert caught.value.vector == vector
    assert guest.cpu == before
