"""Where the vault scenario keeps things. The same host-physical addresses in every world."""

from typing import NamedTuple

from tdxviz.core.books import Books
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import programs
from tdxviz.core.guest.programs import Program
from tdxviz.core.hw.platform import SEAM_RANGE
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import GIB, MIB, PAGE, Gla, Gpa, Hkid, Hpa

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
"""(offset, size): from here on the TDMR gives nothing to TDs; PAMT arrays and the SEAM range lie here."""
PAMT_ENTRY = 16
MORE_PRIVATE: Hpa = GIB + 64 * MIB
"""On a machine of more than 1 GiB: pages from here on that no scenario uses."""


class TdPlace(NamedTuple):
    """Where an honest host keeps one TD's control pages, and the HKID that it gives it."""

    tdr: Hpa
    tdcx: Hpa
    tdvpr: Hpa
    tables: Hpa
    hkid: Hkid


FIRST = TdPlace(TDR, TDCX, TDVPR, TABLES, HKIDS[0])
SECOND = TdPlace(0x00A0_0000, 0x00A0_1000, 0x00A1_0000, 0x00A2_0000, HKIDS[1])
"""Of another TD beside the first, or (``tables``) of another ordinary VM."""
SECOND_FRAMES: Hpa = 12 * MIB
"""Host pages of that guest, one after the other."""
SECOND_LP = 2
"""It runs here, and the first on logical processor 0."""


class TdmrPlan(NamedTuple):
    base: Hpa
    size: int
    pamts: tuple[tuple[Hpa, int], ...]
    """The 1G, 2M and 4K arrays: (first byte, size)."""
    reserved: tuple[int, int]
    """(offset, size)."""


SCENARIO_TDMR = TdmrPlan(0, TDMR_SIZE, PAMTS, RESERVED)


def tdmrs(size: int) -> tuple[TdmrPlan, ...]:
    """The TDMRs that an honest host describes to the module, for so much memory: the scenario's one
    for the first GiB, and one for all the rest, whose PAMT lies at its beginning."""
    reserved = RESERVED if size < GIB else (RESERVED[0], SEAM_RANGE[1] - RESERVED[0])
    first = SCENARIO_TDMR._replace(reserved=reserved)
    if size <= GIB:
        return (first,)
    rest, at, arrays = size - GIB, GIB, []
    for unit in (GIB, 2 * MIB, PAGE):
        length = -(-rest // unit * PAMT_ENTRY // PAGE) * PAGE
        arrays.append((at, length))
        at += length
    return first, TdmrPlan(GIB, rest, tuple(arrays), (0, at - GIB))


def tdvpr(number: int, at: TdPlace = FIRST) -> Hpa:
    """TDVPR page of a TD's vCPU ``number``. Raises TdxvizError beyond the last."""
    if not 0 <= number < MOST_VCPUS:
        raise TdxvizError(f"the scenario has room for vCPUs 0..{MOST_VCPUS - 1}, not for vCPU {number}")
    return at.tdvpr + number * VCPU_STRIDE


def hpa_of(gpa: Gpa) -> Hpa:
    """Where the scenario puts a guest page. Raises TdxvizError for a GPA it does not use."""
    if GUEST_BASE <= gpa < GUEST_BASE + GUEST_PAGES * PAGE:
        return PRIVATE + gpa - GUEST_BASE
    if RESET_GPA <= gpa < RESET_GPA + PAGE:
        return RESET_PAGE + gpa - RESET_GPA
    raise TdxvizError(f"guest address {gpa:#x} is not used in this scenario")


def symbol(name: str, program: str = "vault") -> Gla:
    """Address of a symbol of a guest program. Raises TdxvizError naming the nearest."""
    symbols = programs.load(program).symbols
    if name not in symbols:
        raise TdxvizError(f"the guest has no symbol {name!r}; {did_you_mean(name, symbols)}")
    return symbols[name]


def books(program: Program | None = None) -> Books:
    """What the host knows of a guest program (the vault unless told otherwise) in this scenario."""
    program = program or programs.load("vault")
    guest = {GUEST_BASE + n * PAGE: PRIVATE + n * PAGE for n in range(GUEST_PAGES)}
    return Books(program.name, program.symbols, guest | {RESET_GPA: RESET_PAGE}, tuple(program.boundaries))
