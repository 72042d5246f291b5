"""Where the vault scenario keeps things. The same host-physical addresses in every world."""

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import programs
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import GIB, MIB, PAGE, Gla, Gpa, Hpa

TD_PARAMS: Hpa = 0x0010_0000
TDMR_LIST: Hpa = 0x0011_0000
TDMR_INFO: Hpa = 0x0011_1000
SOURCE_PAGES: Hpa = 0x0020_0000
PRIVATE: Hpa = 0x0041_0000
"""Guest pages: GPA 0x8000_0000 and up."""
RESET_PAGE: Hpa = 0x0041_F000
TDR: Hpa = 0x0060_0000
TDCX: Hpa = 0x0060_1000
TDVPR: Hpa = 0x0061_0000
TDVPS: Hpa = 0x0061_1000
VCPU_STRIDE, MOST_VCPUS = 0x8000, 2
"""The TDVPR of the next vCPU; its five further pages follow it."""
TABLES: Hpa = 0x0062_0000
"""Secure EPT pages of the TD, or the EPT of the ordinary VM."""

SHARED_EPT: Hpa = 0x0030_0000
"""Root of the host's own EPT for shared GPAs; further tables follow it."""
SPARE: Hpa = 0x0080_0000
"""From here on the host's page allocator looks for pages that nobody uses."""

GUEST_BASE: Gpa = 0x8000_0000
RESET_GPA: Gpa = 0xFFFF_F000
GUEST_PAGES = 16

GLOBAL_HKID = 0x20
HKIDS = (0x21, 0x22)

TDMR_SIZE = GIB
PAMT_4K: Hpa = 0x0E00_0000
PAMT_2M: Hpa = 0x0E40_0000
PAMT_1G: Hpa = 0x0E40_2000
PAMTS = ((PAMT_1G, PAGE), (PAMT_2M, 2 * PAGE), (PAMT_4K, 4 * MIB))
RESERVED = (0x0E00_0000, GIB - 0x0E00_0000)


def tdvpr(number: int) -> Hpa:
    """TDVPR page of the TD's vCPU ``number``. Raises TdxvizError beyond the last."""
    if not 0 <= number < MOST_VCPUS:
        raise TdxvizError(f"the scenario has room for vCPUs 0..{MOST_VCPUS - 1}, not for vCPU {number}")
    return TDVPR + number * VCPU_STRIDE


def hpa_of(gpa: Gpa) -> Hpa:
    """Where the scenario puts a guest page. Raises TdxvizError for a GPA it does not use."""
    if GUEST_BASE <= gpa < GUEST_BASE + GUEST_PAGES * PAGE:
        return PRIVATE + gpa - GUEST_BASE
    if RESET_GPA <= gpa < RESET_GPA + PAGE:
        return RESET_PAGE + gpa - RESET_GPA
    raise TdxvizError(f"guest address {gpa:#x} is not used in this scenario")


def symbol(name: str) -> Gla:
    """Address of a symbol of the guest program. Raises TdxvizError naming the nearest."""
    symbols = programs.load("vault").symbols
    if name not in symbols:
        raise TdxvizError(f"the guest has no symbol {name!r}; {did_you_mean(name, symbols)}")
    return symbols[name]
