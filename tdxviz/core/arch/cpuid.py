"""CPUID of a TD: the values that TDH.MNG.INIT puts into the TDCS, and the leaves that are #VE.

Sources: tdx-architecture 10.1; module source td_cpuid.c. The leaves are those of the modelled
platform; a real TD has more of them, and many bits that the host can configure.
"""

Values = tuple[int, int, int, int]
"""EAX EBX ECX EDX."""

LAST_BASIC, LAST_EXTENDED = 0x21, 0x8000_0008
FIRST_EXTENDED = 0x8000_0000
RESERVED = range(0x4000_0000, 0x5000_0000)
"""For the hypervisor: always #VE."""
FAULTING = frozenset(
    (0x2, 0x6, 0x9, 0xB, 0xC, 0xF, 0x10, 0x16, 0x17, 0x1B, 0x1F, 0x8000_0002, 0x8000_0003, 0x8000_0004,
     0x8000_0005)
)  # fmt: skip
"""Answered by the host, if at all: #VE."""

SIGNATURE = 0x000806F8
TSC_UNIT = 25_000_000
TSC_HZ = 100 * TSC_UNIT
"""Of the modelled platform."""


def _bits(*numbers: int) -> int:
    return sum(1 << n for n in numbers)


BASIC_C = _bits(13, 17, 21, 22, 23, 26, 30, 31)
"""CPUID(1).ECX: CX16, PCID, x2APIC, MOVBE, POPCNT, XSAVE, RDRAND, hypervisor."""
BASIC_D = 0x0F8B_FBFF & ~_bits(11, 23)
"""CPUID(1).EDX: all of x86-64 but SYSENTER and MMX."""
MORE_B = _bits(0, 3, 7, 10, 18, 19, 20, 23, 24)
"""CPUID(7).EBX: FSGSBASE, BMI1, SMEP, INVPCID, RDSEED, ADX, SMAP, CLFLUSHOPT, CLWB."""
MORE_C = _bits(2, 22)
"""CPUID(7).ECX: UMIP, RDPID."""
MORE_D = _bits(14, 26, 27, 28, 31)
"""CPUID(7).EDX: SERIALIZE; IBRS and IBPB, STIBP, L1D_FLUSH, SSBD."""
ARCH_CAPABILITIES = _bits(29)
EXTENDED_C = _bits(0, 5, 8)
"""CPUID(80000001).ECX: LAHF, LZCNT, PREFETCHW."""
EXTENDED_D = _bits(11, 20, 26, 27, 29)
"""CPUID(80000001).EDX: SYSCALL, NX, 1 GiB pages, RDTSCP, long mode."""
XGETBV_1 = _bits(2)
"""CPUID(D,1).EAX: XGETBV with ECX = 1."""
CET_SS, PKU, CET_IBT = 1 << 7, 1 << 3, 1 << 20
XFAM_USER = 0x602E7
SUBLEAVED = {0x4, 0x7, 0xD}
"""Leaves whose answer depends on ECX."""

FIXED: dict[tuple[int, int], Values] = {
    (0x0, 0): (LAST_BASIC, 0x756E6547, 0x6C65746E, 0x49656E69),
    (0x1, 0): (SIGNATURE, 0x0001_0800, BASIC_C, BASIC_D),
    (0x3, 0): (0, 0, 0, 0), (0x4, 0): (0, 0, 0, 0), (0x5, 0): (0, 0, 0, 0), (0x8, 0): (0, 0, 0, 0),
    (0x7, 0): (0, 0, 0, 0), (0xA, 0): (0, 0, 0, 0),
    (0xD, 0): (0x3, 576, 576, 0), (0xD, 1): (XGETBV_1, 576, 0, 0),
    (0x21, 0): (0, 0x65746E49, 0x20202020, 0x5844546C),
    (0x8000_0000, 0): (LAST_EXTENDED, 0, 0, 0),
    (0x8000_0001, 0): (0, 0, EXTENDED_C, EXTENDED_D),
    (0x8000_0006, 0): (0, 0, 0, 0), (0x8000_0007, 0): (0, 0, 0, 1 << 8),
    (0x8000_0008, 0): (0x3030, 0, 0, 0),
}  # fmt: skip
"""(leaf, subleaf) -> values. Leaf 0x21 says "IntelTDX    "; CPUID(1).ECX[31] says "hypervisor"."""

KEYS = (*FIXED, (0x15, 0))
NAMES = {key: f"CPUID_{key[0]:X}_{key[1]:X}" for key in KEYS}
"""Their TDCS fields, 16 bytes each."""


def initial(xfam: int, tsc_frequency: int) -> dict[str, int]:
    """TDCS fields of a new TD. ``tsc_frequency`` in units of 25 MHz."""
    values = dict(FIXED)
    ecx = (CET_SS if xfam >> 11 & 3 == 3 else 0) | (PKU if xfam >> 9 & 1 else 0)
    edx = MORE_D | ARCH_CAPABILITIES | (CET_IBT if xfam >> 11 & 3 == 3 else 0)
    values[0x7, 0] = (0, MORE_B, MORE_C | ecx, edx)
    values[0xD, 0] = (xfam & XFAM_USER, 576, 576, 0)
    values[0xD, 1] = (XGETBV_1, 576, xfam & ~XFAM_USER & 0xFFFF_FFFF, 0)
    values[0x15, 0] = (1, tsc_frequency, TSC_UNIT, 0)
    return {NAMES[key]: pack(row) for key, row in values.items()}


def tsc_virtualisation(tsc: int, tsc_frequency: int) -> tuple[int, int]:
    """Multiplier (units of 2**-48) and offset by which a TD's counter runs at its own frequency (units of
    25 MHz) and starts at zero now. Source: module source helpers.c, calculate_tsc_virt_params."""
    multiplier = (tsc_frequency * TSC_UNIT << 48) // TSC_HZ
    return multiplier, -(tsc * multiplier >> 48) & (1 << 64) - 1


def pack(values: Values) -> int:
    return sum(value << 32 * n for n, value in enumerate(values))


def unpack(word: int) -> Values:
    a, b, c, d = (word >> 32 * n & 0xFFFF_FFFF for n in range(4))
    return a, b, c, d


def resolve(leaf: int, subleaf: int) -> tuple[int, int]:
    """The leaf that answers: one above the last of its range counts as the last basic one."""
    if leaf > LAST_EXTENDED or LAST_BASIC < leaf < FIRST_EXTENDED:
        leaf = LAST_BASIC
    return leaf, subleaf if leaf in SUBLEAVED else 0
