"""An honest host brings up the TDX module and builds a TD, leaf by leaf.

Source: tdx-architecture 3.6, canonical host sequences.
"""

import struct
from dataclasses import dataclass

from tdxviz.core.commands import HostWrite
from tdxviz.core.guest.programs import Program
from tdxviz.core.host import layout
from tdxviz.core.host.seam import Answered, Recipe, seamcall
from tdxviz.core.hw.platform import PACKAGE_OF_LP, SIZE
from tdxviz.core.units import GIB, PAGE, Gpa, Hpa

SEPT_VE_DISABLE = 1 << 28
DEBUG = 1
EPTP_WB_4_LEVELS = 0x1E
XFAM = 0x3
"""x87 and SSE, as every TD has them."""
XFAM_CET = 0x3 << 11
FIRST_LP_OF_PACKAGE = tuple(PACKAGE_OF_LP.index(n) for n in sorted(set(PACKAGE_OF_LP)))
CALLS_PER_GIB = 256


def bring_up(size: int = SIZE) -> Recipe:
    """From power-on to SYS_READY with all PAMTs of ``size`` bytes of memory initialised."""
    plans = layout.tdmrs(size)
    yield from seamcall("TDH.SYS.INIT")
    for lp in range(len(PACKAGE_OF_LP)):
        yield from seamcall("TDH.SYS.LP.INIT", lp=lp)
    places = [layout.TDMR_INFO + n * 512 for n in range(len(plans))]
    for at, plan in zip(places, plans, strict=True):
        yield HostWrite(hpa=at, data=tdmr_info(plan), how="full-line", lp=0)
    pointers = struct.pack(f"<{len(places)}Q", *places).ljust(512, b"\x00")
    yield HostWrite(hpa=layout.TDMR_LIST, data=pointers, how="full-line", lp=0)
    yield from seamcall(
        "TDH.SYS.CONFIG", rcx=layout.TDMR_LIST, rdx=len(plans), r8=layout.GLOBAL_HKID
    )  # fmt: skip
    for lp in FIRST_LP_OF_PACKAGE:
        yield from seamcall("TDH.SYS.KEY.CONFIG", lp=lp)
    for plan in plans:
        for _ in range(CALLS_PER_GIB * (plan.size // GIB)):
            yield from seamcall("TDH.SYS.TDMR.INIT", rcx=plan.base)


def tdmr_info(plan: layout.TdmrPlan = layout.SCENARIO_TDMR) -> bytes:
    """TDMR_INFO as TDH.SYS.CONFIG reads it: 512 bytes."""
    words = [plan.base, plan.size]
    for base, size in plan.pamts:
        words += [base, size]
    words += plan.reserved
    return struct.pack(f"<{len(words)}Q", *words).ljust(512, b"\x00")


def td_params(*, attributes: int = SEPT_VE_DISABLE, max_vcpus: int = 1, xfam: int = XFAM) -> bytes:
    """TD_PARAMS of a plain TD: 1024 bytes."""
    raw = bytearray(1024)
    struct.pack_into("<QQHBB", raw, 0, attributes, xfam, max_vcpus, 0, 0)
    struct.pack_into("<QQH", raw, 24, EPTP_WB_4_LEVELS, 0, 100)
    return bytes(raw)


@dataclass(frozen=True)
class Site:
    """Where a TD is built, and by which logical processors: the last of them makes the calls, and all
    together stand for every package."""

    at: layout.TdPlace = layout.FIRST
    lps: tuple[int, ...] = FIRST_LP_OF_PACKAGE[::-1]

    @property
    def lp(self) -> int:
        return self.lps[-1]

    def call(self, name: str, **regs: int) -> Answered:
        return seamcall(name, lp=self.lp, **regs)


HERE = Site()
"""The first TD of a machine on which nobody runs yet."""


def create_td(
    *, vcpus: int = 1, attributes: int = SEPT_VE_DISABLE, xfam: int = XFAM, site: Site = HERE
) -> Recipe:
    """MNG.CREATE to MNG.INIT: a TD without vCPUs and memory."""
    at = site.at
    yield from site.call("TDH.MNG.CREATE", rcx=at.tdr, rdx=at.hkid)
    for lp in sorted(site.lps):
        yield from seamcall("TDH.MNG.KEY.CONFIG", lp=lp, rcx=at.tdr)
    for n in range(6):
        yield from site.call("TDH.MNG.ADDCX", rcx=at.tdcx + n * PAGE, rdx=at.tdr)
    params = td_params(attributes=attributes, max_vcpus=vcpus, xfam=xfam)
    yield HostWrite(hpa=layout.TD_PARAMS, data=params, how="full-line", lp=site.lp)
    yield from site.call("TDH.MNG.INIT", rcx=at.tdr, rdx=layout.TD_PARAMS)


def create_vcpu(
    number: int = 0, *, lp: int = 0, operand: int = 0, at: layout.TdPlace = layout.FIRST
) -> Recipe:
    """VP.CREATE to VP.INIT of the TD's vCPU ``number``; it is then associated with ``lp`` and will find
    ``operand`` in RCX and R8."""
    tdvpr = layout.tdvpr(number, at)
    yield from seamcall("TDH.VP.CREATE", lp=lp, rcx=tdvpr, rdx=at.tdr)
    for n in range(5):
        yield from seamcall("TDH.VP.ADDCX", lp=lp, rcx=tdvpr + (n + 1) * PAGE, rdx=tdvpr)
    yield from seamcall("TDH.VP.INIT", lp=lp, rcx=tdvpr, rdx=operand)


def tables_for(gpas: list[Gpa]) -> list[tuple[int, Gpa]]:
    """(level, first GPA) of every Secure EPT table that these pages need, top down."""
    wanted = {(level, gpa >> 12 + 9 * level << 12 + 9 * level) for gpa in gpas for level in (3, 2, 1)}
    return sorted(wanted, key=lambda pair: (-pair[0], pair[1]))


def sept_tables(gpas: list[Gpa], site: Site = HERE) -> Recipe:
    """SEPT.ADD for every table that these pages need, top down."""
    for n, (level, gpa) in enumerate(tables_for(gpas)):
        page = site.at.tables + n * PAGE
        yield from site.call("TDH.MEM.SEPT.ADD", rcx=gpa | level, rdx=site.at.tdr, r8=page)


def add_page(gpa: Gpa, hpa: Hpa, content: bytes, source: Hpa, site: Site = HERE) -> Recipe:
    """Copy one page in and measure all of it."""
    yield HostWrite(hpa=source, data=content, how="full-line", lp=site.lp)
    yield from site.call("TDH.MEM.PAGE.ADD", rcx=gpa, rdx=site.at.tdr, r8=hpa, r9=source)
    for at in range(gpa, gpa + PAGE, 256):
        yield from site.call("TDH.MR.EXTEND", rcx=at, rdx=site.at.tdr)


def fill_td(
    program: Program, more: tuple[Gpa, ...] = (), *, vcpus: int = 1, attributes: int = SEPT_VE_DISABLE
) -> Recipe:
    """A TD that holds a guest program and is not finished; vCPU n is associated with logical
    processor n. ``more``: GPAs that get Secure EPT tables beside the program's."""
    yield from create_td(vcpus=vcpus, attributes=attributes)
    for number in range(vcpus):
        yield from create_vcpu(number, lp=number)
    yield from sept_tables([*program.pages, *more])
    for n, (gpa, content) in enumerate(sorted(program.pages.items())):
        source = layout.SOURCE_PAGES + n * PAGE
        yield from add_page(gpa, layout.hpa_of(gpa), content, source)


def build_td(program: Program, *, vcpus: int = 1, attributes: int = SEPT_VE_DISABLE) -> Recipe:
    """A runnable TD that holds a guest program. vCPU n is associated with logical processor n.

    With ``SEPT_VE_DISABLE | DEBUG`` it is a debug TD, and its report says so."""
    yield from fill_td(program, vcpus=vcpus, attributes=attributes)
    yield from seamcall("TDH.MR.FINALIZE", rcx=layout.TDR)
