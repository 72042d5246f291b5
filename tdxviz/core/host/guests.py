"""Putting a user's program into a guest: the runtime, the program, a stack; a TD or an ordinary VM.

What has content is added and measured (PAGE.ADD, then 16 MR.EXTEND); zero pages are only added, as a
TDVF's temporary memory is: their address is in MRTD, their content is not.
"""

from dataclasses import dataclass, field

from tdxviz.core.books import Books
from tdxviz.core.commands import HostWrite, VmCreate, VmMap
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import programs
from tdxviz.core.guest.load.image import HIGHEST, Image
from tdxviz.core.host import boot, layout
from tdxviz.core.host.seam import Recipe, seamcall
from tdxviz.core.units import MIB, PAGE, Gpa, Hpa

FRAMES: Hpa = 16 * MIB
"""Host pages of the guest, one after the other; far from what the vault scenario uses."""
MOST_DEMAND = 4096
"""Pages that a guest may accept at run time."""
INFO: Gpa = 0x8000_5000
IDT: Gpa = 0x8000_4000
INNER: Gpa = 0x8000_6000
STACK: Gpa = 0x8001_0000
STACK_SIZE = 64 * 1024


@dataclass(frozen=True)
class Plan:
    """``content``: GPA -> bytes, measured. ``zero``: pages that are only added."""

    content: dict[Gpa, bytes]
    zero: tuple[Gpa, ...]
    first: Hpa = FRAMES
    """The first of the host's pages for them."""
    vcpus: int = 1
    """All of them on one logical processor."""

    def hpa_of(self, gpa: Gpa) -> Hpa:
        """Where the host puts a page of the guest. Raises TdxvizError for one it does not have."""
        if gpa not in self.frames:
            raise TdxvizError(f"the guest has no page at {gpa:#x}")
        return self.frames[gpa]

    @property
    def gpas(self) -> list[Gpa]:
        return sorted((*self.content, *self.zero))

    @property
    def frames(self) -> dict[Gpa, Hpa]:
        return {gpa: self.first + n * PAGE for n, gpa in enumerate(self.gpas)}


@dataclass
class Demand:
    """The host's own memory of pages that it adds when the guest accepts them."""

    plan: Plan
    added: dict[Gpa, Hpa] = field(default_factory=dict)
    tables: int = 0
    """Secure EPT tables added since the build."""

    def give(self, gpa: Gpa) -> Recipe:
        """TDH.MEM.PAGE.AUG, and the Secure EPT tables that it needs."""
        gpa &= -PAGE
        if gpa >= HIGHEST or len(self.added) >= MOST_DEMAND or gpa in self.added or gpa in self.plan.frames:
            return
        there = (*self.plan.gpas, *self.added)
        known = {(level, page >> 12 + 9 * level) for page in there for level in (1, 2, 3)}
        before = len(boot.tables_for(self.plan.gpas))
        for level in (3, 2, 1):
            if (level, gpa >> 12 + 9 * level) not in known:
                page = layout.TABLES + (before + self.tables) * PAGE
                first = gpa >> 12 + 9 * level << 12 + 9 * level
                yield from seamcall("TDH.MEM.SEPT.ADD", rcx=first | level, rdx=layout.TDR, r8=page)
                self.tables += 1
        hpa = self.plan.first + (len(self.plan.gpas) + len(self.added)) * PAGE
        yield from seamcall("TDH.MEM.PAGE.AUG", rcx=gpa, rdx=layout.TDR, r8=hpa)
        self.added[gpa] = hpa


def plan(image: Image, first: Hpa = FRAMES, *, vcpus: int = 1) -> Plan:
    """The pages of a guest that runs ``image`` on the runtime."""
    runtime = programs.load("runtime").pages
    info = image.entry.to_bytes(8, "little").ljust(PAGE, b"\x00")
    own = (IDT, INNER, INNER + PAGE, *range(STACK, STACK + STACK_SIZE, PAGE))
    content, zero = image.pages()
    return Plan(runtime | {INFO: info} | content, (*own, *zero), first, vcpus)


def books(image: Image, pages: Plan) -> Books:
    """What the host knows of such a guest."""
    return Books(image.name, image.symbols, pages.frames, tuple(sorted(image.lines)))


def build_td(
    pages: Plan, *, attributes: int = boot.SEPT_VE_DISABLE, site: boot.Site = boot.HERE,
    more: tuple[Gpa, ...] = (),
) -> Recipe:  # fmt: skip
    """A runnable TD; the platform must be up. ``more``: GPAs that get Secure EPT tables and no page."""
    frames, tdr = pages.frames, site.at.tdr
    yield from boot.create_td(
        vcpus=pages.vcpus, xfam=boot.XFAM | boot.XFAM_CET, attributes=attributes, site=site
    )
    for number in range(pages.vcpus):
        yield from boot.create_vcpu(number, lp=site.lp, at=site.at)
    yield from boot.sept_tables([*frames, *more], site)
    for gpa, content in sorted(pages.content.items()):
        yield from boot.add_page(gpa, frames[gpa], content, layout.SOURCE_PAGES, site)
    yield HostWrite(hpa=layout.SOURCE_PAGES, data=bytes(PAGE), how="full-line", lp=site.lp)
    for gpa in sorted(pages.zero):
        yield from site.call("TDH.MEM.PAGE.ADD", rcx=gpa, rdx=tdr, r8=frames[gpa], r9=layout.SOURCE_PAGES)
    yield from site.call("TDH.MR.FINALIZE", rcx=tdr)


def build_vm(
    pages: Plan, vm: int = 0, tables: Hpa = layout.TABLES, lp: int = 0, *, trace: bool = True
) -> Recipe:
    """An ordinary VM with the same pages."""
    yield VmCreate(vm=vm, eptp=tables)
    for gpa, hpa in pages.frames.items():
        content = pages.content.get(gpa, bytes(PAGE))
        yield HostWrite(hpa=hpa, data=content, how="full-line", lp=lp, trace=trace)
        yield VmMap(vm=vm, gpa=gpa, hpa=hpa, tables=tables + PAGE, trace=trace)
