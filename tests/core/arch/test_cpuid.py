"""CPUID values of a new TD and of an ordinary VM: what they say, the vCPU does, one instruction a feature bit."""

import pytest

from tdxviz.core import legacy_guest
from tdxviz.core.arch import cpuid
from tdxviz.core.faults import Architectural, GuestFault
from tests.core.guest.kit import DATA, Guest

XFAM = 0x1803
EBX, ECX, EDX = 1, 2, 3
FEATURES = {
    # name -> leaf, register, bit, an instruction that is #UD without it
    "FXSR": (1, EDX, 24, "0fae03"), "TSC": (1, EDX, 4, "0f31"), "CX8": (1, EDX, 8, "0fc70b"), "CMOV": (1, EDX, 15, "0f44c1"), "CLFSH": (1, EDX, 19, "0fae3b"),
    "SYSENTER": (1, EDX, 11, "0f34"), "MMX": (1, EDX, 23, "0fefc0"), "SSE": (1, EDX, 25, "0f28c1"), "SSE2": (1, EDX, 26, "660f6fc1"),
    "SSE3": (1, ECX, 0, "f20f7cc1"), "PCLMULQDQ": (1, ECX, 1, "660f3a44c100"), "SSSE3": (1, ECX, 9, "660f3800c1"),
    "FMA": (1, ECX, 12, "c4e271b8c2"), "CX16": (1, ECX, 13, "480fc70b"), "SSE4.1": (1, ECX, 19, "660f3817c1"),
    "SSE4.2": (1, ECX, 20, "660f3a63c100"), "MOVBE": (1, ECX, 22, "0f38f003"), "POPCNT": (1, ECX, 23, "f30fb8c1"),
    "AES": (1, ECX, 25, "660f38dcc1"), "XSAVE": (1, ECX, 26, "480fae23"), "AVX": (1, ECX, 28, "c5f877"), "F16C": (1, ECX, 29, "c4e27913c1"),
    "RDRAND": (1, ECX, 30, "0fc7f0"), "FSGSBASE": (7, EBX, 0, "f3480faec0"), "BMI1": (7, EBX, 3, "c4e278f2c1"),
    "RTM": (7, EBX, 11, "c7f800000000"), "AVX2": (7, EBX, 5, "c5fdefc0"), "BMI2": (7, EBX, 8, "c4e2fbf5c1"),
    "INVPCID": (7, EBX, 10, "660f388203"), "RDSEED": (7, EBX, 18, "0fc7f8"), "ADX": (7, EBX, 19, "660f38f6c1"),
    "CLFLUSHOPT": (7, EBX, 23, "660fae3b"), "CLWB": (7, EBX, 24, "660fae33"), "SHA": (7, EBX, 29, "0f38c9c1"),
    "WAITPKG": (7, ECX, 5, "f20faef0"), "CET_SS": (7, ECX, 7, "f30f01ea"), "GFNI": (7, ECX, 8, "660f38cfc1"),
    "VAES": (7, ECX, 9, "c4e27ddcc1"), "RDPID": (7, ECX, 22, "f30fc7f8"), "MOVDIRI": (7, ECX, 27, "0f38f903"), "SERIALIZE": (7, EDX, 14, "0f01e8"), "UINTR": (7, EDX, 5, "f30f01ee"),
    "LAHF": (0x8000_0001, ECX, 0, "9f"), "SYSCALL": (0x8000_0001, EDX, 11, "0f05"), "LZCNT": (0x8000_0001, ECX, 5, "f30fbdc1"),
    "RDTSCP": (0x8000_0001, EDX, 27, "0f01f9"), "SSE4A": (0x8000_0001, ECX, 6, "f20f79c1"), "XOP": (0x8000_0001, ECX, 11, "8fe97801c1"),
}  # fmt: skip
CR4 = 1 << 9 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 23
"""OSFXSR, FSGSBASE, PCIDE, OSXSAVE, CET."""


def executes(code: str) -> bool:
    """Whether the instruction is known; what else it does does not matter."""
    guest = Guest(bytes.fromhex(code))
    cpu = guest.cpu
    cpu.cr4, cpu.efer, cpu.gprs[3] = cpu.cr4 | CR4, cpu.efer | 1, DATA
    cpu.set_msr(0x6A2, 1)
    cpu.refresh_cet()
    try:
        guest.run()
    except GuestFault as fault:
        return fault.vector != 6
    except Architectural:
        return True
    return True


def said(world: str, leaf: int, register: int) -> int:
    if world == "legacy":
        return legacy_guest.CPUID[leaf, 0][register]
    return cpuid.unpack(cpuid.initial(XFAM, 100)[cpuid.NAMES[leaf, 0]])[register]


@pytest.mark.parametrize("world", ["ci", "legacy"])
@pytest.mark.parametrize("name", FEATURES)
def test_a_bit_is_set_exactly_if_its_instruction_executes(world, name):
    leaf, register, bit, code = FEATURES[name]
    assert bool(said(world, leaf, register) >> bit & 1) == executes(code), name


@pytest.mark.parametrize("world", ["ci", "legacy"])
def test_leaf_d_and_the_hypervisor_leaf_go_with_their_bits(world):
    assert said(world, 1, ECX) >> 26 & 1 == (said(world, 0xD, 0) & 3 == 3)
    assert said(world, 1, ECX) >> 31 == 1
    assert legacy_guest.CPUID[0x4000_0000, 0][1:] == (0x4B4D564B, 0x564B4D56, 0x4D)
    assert 0x4000_0000 in cpuid.RESERVED  # in a TD the host is asked for it


def test_values_follow_xfam_and_the_tsc():
    fields = cpuid.initial(0x1803, 100)
    given, without = (cpuid.unpack(cpuid.initial(xfam, 40)["CPUID_7_0"]) for xfam in (0x1803, 3))
    assert [a ^ b for a, b in zip(given, without, strict=True)] == [0, 0, cpuid.CET_SS, cpuid.CET_IBT]
    assert cpuid.unpack(fields["CPUID_D_0"])[0] == 3
    assert cpuid.unpack(fields["CPUID_15_0"]) == (1, 100, 25_000_000, 0)
    assert set(fields) == set(cpuid.NAMES.values())


def test_leaves_above_the_last_are_the_last_basic_one():
    assert cpuid.resolve(0x22, 5) == (0x21, 0)
    assert cpuid.resolve(0x7FFF_FFFF, 0) == (0x21, 0)
    assert cpuid.resolve(0x8000_0009, 0) == (0x21, 0)
    assert cpuid.resolve(0xD, 1) == (0xD, 1)
    assert cpuid.resolve(0x1, 9) == (0x1, 0)


def test_a_tds_counter_starts_at_zero_and_runs_at_its_own_frequency():
    assert cpuid.tsc_virtualisation(0, 100) == (1 << 48, 0)
    assert cpuid.tsc_virtualisation(1000, 50) == (1 << 47, (1 << 64) - 500)
    multiplier, offset = cpuid.tsc_virtualisation(123_456_789, 77)
    assert (123_456_789 * multiplier >> 48) + offset & (1 << 64) - 1 == 0
