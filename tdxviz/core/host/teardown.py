"""An honest host ends a TD: every page comes back, and the HKID can be given to the next one.

Source: tdx-architecture 1.6, 3.2, 3.6 (Destroy).
"""

from tdxviz.core.commands import HostWrite
from tdxviz.core.host import layout, memory
from tdxviz.core.host.seam import Recipe, seamcall
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.inspect import TdInfo, vcpu_field
from tdxviz.core.tdx.module import SPANS
from tdxviz.core.units import PAGE, Hpa


def associated_lp(machine: Machine, td: TdInfo, tdvpr: Hpa) -> int:
    """Logical processor that a vCPU is associated with, -1 for none; the host knows where it ran it."""
    return vcpu_field(machine.platform, td, tdvpr, "ASSOC_LPID") - 1


def packages(machine: Machine) -> list[int]:
    """One logical processor of each package, free for the host's calls."""
    found: dict[int, int] = {}
    for lp in machine.platform.lps:
        if lp.mode == "host":
            found.setdefault(lp.package, lp.id)
    return [found[package] for package in sorted(found)]


def flush_vcpus(machine: Machine, td: TdInfo) -> Recipe:
    """Every vCPU leaves the logical processor that it is associated with."""
    for tdvpr in td.vcpus:
        lp = associated_lp(machine, td, tdvpr)
        if lp >= 0:
            yield from seamcall("TDH.VP.FLUSH", lp=lp, rcx=tdvpr)


def free_hkid(machine: Machine, tdr: Hpa = layout.TDR) -> Recipe:
    """From a living TD to TD_TEARDOWN: nobody will use the key again, and no cache holds its lines."""
    td = memory.domain(machine, tdr)
    yield from memory.kick(machine, tdr)
    yield from flush_vcpus(machine, td)
    lp = memory.free_lp(machine)
    yield from seamcall("TDH.MNG.VPFLUSHDONE", lp=lp, rcx=tdr)
    for each in packages(machine):
        yield from seamcall("TDH.PHYMEM.CACHE.WB", lp=each)
    yield from seamcall("TDH.MNG.KEY.FREEID", lp=lp, rcx=tdr)


def reclaim_pages(machine: Machine, tdr: Hpa = layout.TDR) -> Recipe:
    """Every page, the TDR last; MOVDIR64B makes each fit for the host's own use."""
    books = memory.module_of(machine).pamt
    pages = sorted((hpa, entry.size) for hpa, entry in books.items() if entry.owner == tdr)
    lp = memory.free_lp(machine)
    for page, size in [*pages, (tdr, 0)]:
        yield from seamcall("TDH.PHYMEM.PAGE.RECLAIM", lp=lp, rcx=page)
        for at in range(page, page + SPANS[size], PAGE):
            yield HostWrite(hpa=at, data=bytes(PAGE), how="full-line", lp=lp)


def tear_down(machine: Machine, tdr: Hpa = layout.TDR) -> Recipe:
    """The whole way."""
    yield from free_hkid(machine, tdr)
    yield from reclaim_pages(machine, tdr)
