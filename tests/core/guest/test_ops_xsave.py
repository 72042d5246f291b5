"""XSAVE and XRSTOR against FXSAVE64, and their own rules."""

import pytest

from tdxviz.core.faults import GuestFault
from tdxviz.core.hw import x87
from tests.core.guest.kit import DATA, Guest

AREA = DATA + 0x40 & -64
OSFXSR, OSXSAVE = 1 << 9, 1 << 18
XSAVE64, XRSTOR64, FXSAVE64 = "480fae23", "480fae2b", "480fae03"
HEADER = 512
FILLED = x87.Fpu(0x27F, 0x3800, 0xFF, 0x123, 0x40_1000, 0x40_2000, 0x1FA0, tuple(range(100, 108)))
XMM = [0xAAAA_0000 + n << 64 | n for n in range(16)]


def guest(code: str, asked: int = 3) -> Guest:
    made = Guest(bytes.fromhex(code))
    cpu = made.cpu
    cpu.cr4, cpu.xcr0, cpu.fpu = cpu.cr4 | OSFXSR | OSXSAVE, 3, FILLED
    cpu.xmm[:] = XMM
    cpu.gprs[0], cpu.gprs[2], cpu.gprs[3] = asked, 0, AREA
    return made


def test_the_legacy_region_is_fxsaves_and_the_header_says_what_is_in_use():
    ours, theirs = guest(XSAVE64), guest(FXSAVE64)
    ours.run()
    theirs.run()
    assert ours.read(AREA, 416) == theirs.read(AREA, 416)
    assert ours.read(AREA + HEADER, 64) == b"\3" + bytes(63)


@pytest.mark.parametrize("asked", [0, 1, 2, 3])
def test_only_what_is_asked_for_is_written_and_restored(asked):
    saved = guest(XSAVE64 + XRSTOR64, asked)
    saved.write(AREA, bytes([0xEE]) * 512 + b"\3" + bytes(63))
    saved.run()
    assert (saved.read(AREA, 2) == b"\xee\xee") == (not asked & 1)
    assert (saved.read(AREA + 24, 2) == b"\xee\xee") == (not asked & 2)
    assert (saved.read(AREA + 160, 2) == b"\xee\xee") == (not asked & 2)
    assert saved.read(AREA + HEADER, 1) == b"\3"
    saved.cpu.fpu, saved.cpu.xmm[:] = x87.Fpu(mxcsr=0x1F80), [7] * 16
    saved.run()
    assert (saved.cpu.fpu._replace(mxcsr=0) == FILLED._replace(mxcsr=0)) == bool(asked & 1)
    assert saved.cpu.xmm == (XMM if asked & 2 else [7] * 16)
    assert saved.cpu.fpu.mxcsr == (FILLED.mxcsr if asked & 2 else 0x1F80)


def test_what_the_header_denies_is_put_into_its_initial_state():
    made = guest(XRSTOR64)
    made.write(AREA, bytes(24) + (0x1F80).to_bytes(4, "little") + bytes(512 + 64 - 28))
    made.run()
    assert made.cpu.fpu == x87.RESET
    assert made.cpu.xmm == [0] * 16


def test_an_initial_state_is_not_in_use():
    made = guest(XSAVE64)
    made.cpu.fpu, made.cpu.xmm[:] = x87.Fpu(mxcsr=0x1FA0), [0] * 16
    made.run()
    assert made.read(AREA + HEADER, 1) == b"\0"


FAULTS = {
    "without OSXSAVE": (XSAVE64, lambda g: setattr(g.cpu, "cr4", g.cpu.cr4 & ~OSXSAVE), 6),
    "with TS": (XRSTOR64, lambda g: setattr(g.cpu, "cr0", g.cpu.cr0 | 8), 7),
    "not at a multiple of 64": (XSAVE64, lambda g: g.cpu.gprs.__setitem__(3, AREA + 16), 13),
    "a component beyond XCR0": (XRSTOR64, lambda g: g.write(AREA + HEADER, b"\7"), 13),
    "a compacted area": (XRSTOR64, lambda g: g.write(AREA + HEADER + 15, b"\x80"), 13),
    "a reserved byte": (XRSTOR64, lambda g: g.write(AREA + HEADER + 16, b"\1"), 13),
    "reserved bits of MXCSR": (XRSTOR64, lambda g: g.write(AREA + 24, b"\xff\xff\xff\xff"), 13),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_faults_before_anything_changes(name):
    code, spoil, vector = FAULTS[name]
    made = guest(code)
    made.write(AREA, bytes(576))
    spoil(made)
    before = made.cpu.copy()
    with pytest.raises(GuestFault) as caught:
        made.run()
    assert caught.value.vector == vector
    assert made.cpu == before
