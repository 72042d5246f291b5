"""What an honest host does with a running TD's memory: add, remove, move, split and merge pages.

Each recipe yields one command at a time, so each can be watched leaf by leaf. The host knows from
its own books which pages it gave away; here the books are read off the PAMT.
Source: tdx-architecture 1.5, 3.6, 8.2.
"""

from tdxviz.core.commands import HostWrite, RaiseInterrupt, RunGuest
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, shared_ept
from tdxviz.core.host.seam import Recipe, seamcall
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.inspect import TdInfo, tds
from tdxviz.core.tdx.module import SPANS, Module
from tdxviz.core.units import PAGE, Gpa, Hkid, Hpa, with_keyid

HOST_LP = 1
"""Where the host makes its calls while the guest has logical processor 0."""
RESCHEDULE = 0xFD
"""Interrupt vector with which a host fetches a vCPU home."""


def module_of(machine: Machine) -> Module:
    if machine.module is None:
        raise TdxvizError("an ordinary VM has no TDX module to ask; do this in a TDX world")
    return machine.module


def domain(machine: Machine, tdr: Hpa = layout.TDR) -> TdInfo:
    """The TD that lives at a TDR page. Raises TdxvizError."""
    found = next((td for td in tds(machine.platform, module_of(machine)) if td.tdr == tdr), None)
    if found is None:
        raise TdxvizError(f"no TD lives at {tdr:#x}; build one first")
    return found


def spare(machine: Machine, level: int = 0, *, beside: tuple[Hpa, ...] = ()) -> Hpa:
    """The first page of that size that nobody uses, above what the scenario lays out."""
    module, span = module_of(machine), SPANS[level]
    taken = {page & -span for page in (*shared_ept.pages(machine), *beside)}
    for page in range(layout.SPARE, machine.platform.size, span):
        if page not in taken and module.is_free(page, level):
            return page
    raise TdxvizError(f"no free page of {SPANS[level]:#x} bytes is left")


def home(machine: Machine, gpa: Gpa, level: int = 0) -> Hpa:
    """Where the scenario puts a guest page, as long as that is free; else any free page."""
    try:
        page = layout.hpa_of(gpa)
    except TdxvizError:
        return spare(machine, level)
    free = level == 0 and module_of(machine).is_free(page, 0) and page not in shared_ept.pages(machine)
    return page if free else spare(machine, level)


def kick(machine: Machine, tdr: Hpa = layout.TDR) -> Recipe:
    """An IPI to every logical processor that runs the TD: after its exit it has left the epoch."""
    for lp, now in sorted(module_of(machine).current.items()):
        if now.tdr == tdr:
            yield RaiseInterrupt(lp=lp, vector=RESCHEDULE)
            yield RunGuest(lp=lp, steps=1)


def shoot_down(machine: Machine, gpa: Gpa, level: int = 0, *, tdr: Hpa = layout.TDR) -> Recipe:
    """Block a mapping and make sure that no processor translates through it any more."""
    lp = free_lp(machine)
    yield from seamcall("TDH.MEM.RANGE.BLOCK", lp=lp, rcx=gpa | level, rdx=tdr)
    yield from seamcall("TDH.MEM.TRACK", lp=lp, rcx=tdr)
    yield from kick(machine, tdr)


def remove(machine: Machine, gpa: Gpa, level: int = 0, *, tdr: Hpa = layout.TDR) -> Recipe:
    """Take a page away from a running TD, and make it fit for the host's own use."""
    hkid = domain(machine, tdr).hkid
    yield from shoot_down(machine, gpa, level, tdr=tdr)
    lp = free_lp(machine)
    answer = yield from seamcall("TDH.MEM.PAGE.REMOVE", lp=lp, rcx=gpa | level, rdx=tdr)
    yield from take_over(answer.outputs["RCX"], hkid, SPANS[level], lp)


def take_over(page: Hpa, hkid: Hkid, size: int, lp: int) -> Recipe:
    """The TD's cache lines go to memory, then MOVDIR64B clears owner bits and content."""
    for at in range(page, page + size, PAGE):
        yield from seamcall("TDH.PHYMEM.PAGE.WBINVD", lp=lp, rcx=with_keyid(at, hkid))
        yield HostWrite(hpa=at, data=bytes(PAGE), how="full-line", lp=lp)


def add(machine: Machine, gpa: Gpa, hpa: Hpa, level: int = 0, *, tdr: Hpa = layout.TDR) -> Recipe:
    """A page that the guest must accept; missing Secure EPT pages come first."""
    lp = free_lp(machine)
    yield from tables(machine, gpa, level, tdr=tdr, keep=hpa)
    yield from seamcall("TDH.MEM.PAGE.AUG", lp=lp, rcx=gpa | level, rdx=tdr, r8=hpa)


def tables(machine: Machine, gpa: Gpa, level: int, *, tdr: Hpa = layout.TDR, keep: Hpa = 0) -> Recipe:
    """The Secure EPT pages on the way to an entry; those that exist stay (ALLOW_EXISTING)."""
    lp = free_lp(machine)
    for above in range(3, level, -1):
        page = spare(machine, beside=(keep,))
        at = gpa >> 12 + 9 * above << 12 + 9 * above
        yield from seamcall("TDH.MEM.SEPT.ADD", lp=lp, rcx=at | above, rdx=tdr | 1, r8=page)


def relocate(machine: Machine, gpa: Gpa, target: Hpa, *, tdr: Hpa = layout.TDR) -> Recipe:
    """The guest's page moves to other memory chips; the guest notices nothing."""
    hkid = domain(machine, tdr).hkid
    yield from shoot_down(machine, gpa, tdr=tdr)
    lp = free_lp(machine)
    answer = yield from seamcall("TDH.MEM.PAGE.RELOCATE", lp=lp, rcx=gpa, rdx=tdr, r8=target)
    yield from take_over(answer.outputs["RCX"], hkid, PAGE, lp)


def promote(machine: Machine, gpa: Gpa, level: int = 1, *, tdr: Hpa = layout.TDR) -> Recipe:
    """512 neighbours become one large mapping; the Secure EPT page between them comes back."""
    hkid = domain(machine, tdr).hkid
    yield from shoot_down(machine, gpa, level, tdr=tdr)
    lp = free_lp(machine)
    answer = yield from seamcall("TDH.MEM.PAGE.PROMOTE", lp=lp, rcx=gpa | level, rdx=tdr)
    yield from take_over(answer.outputs["RCX"], hkid, PAGE, lp)


def demote(machine: Machine, gpa: Gpa, level: int = 1, *, tdr: Hpa = layout.TDR) -> Recipe:
    """One large mapping becomes 512 small ones, under a new Secure EPT page."""
    yield from shoot_down(machine, gpa, level, tdr=tdr)
    lp, page = free_lp(machine), spare(machine)
    yield from seamcall("TDH.MEM.PAGE.DEMOTE", lp=lp, rcx=gpa | level, rdx=tdr, r8=page)


def look(machine: Machine, gpa: Gpa, size: int, *, tdr: Hpa = layout.TDR) -> Recipe:
    """Private memory of a debug TD, 8 bytes a call; any other TD refuses."""
    lp = free_lp(machine)
    for at in range(gpa & -8, gpa + size, 8):
        yield from seamcall("TDH.MEM.RD", lp=lp, rcx=at, rdx=tdr)


def free_lp(machine: Machine) -> int:
    """A logical processor on which host software runs, the usual one first. Raises TdxvizError."""
    lps = machine.platform.lps
    for lp in (HOST_LP, *range(len(lps))):
        if lps[lp].mode == "host":
            return lp
    raise TdxvizError("every logical processor runs a guest; interrupt one first")
