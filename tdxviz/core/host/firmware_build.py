"""A TD built from a firmware's TDVF metadata, and the pages that the host gives it later.

Source: attestation-and-migration 1.5, 1.6, 1.8.
"""

from dataclasses import dataclass, field

from tdxviz.core.commands import HostWrite
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import boot, layout, tdvf
from tdxviz.core.host.chipset import Chipset
from tdxviz.core.host.seam import Recipe, seamcall
from tdxviz.core.host.vmm import Registers, Vmm
from tdxviz.core.machine import Machine
from tdxviz.core.units import MIB, PAGE, Gpa, Hpa

BUILD_FRAMES: Hpa = 16 * MIB
"""Pages that are there from the beginning."""
SMALL_FRAMES, LARGE_FRAMES = 24 * MIB, 32 * MIB
"""Pages of 4 KiB and of 2 MiB that the firmware accepts later."""
LARGE = 2 * MIB
CHUNK = 256
"""Bytes that one MR.EXTEND measures."""
MEMORY = 128 * MIB
ACCEPT = 1
"""Extended exit qualification: TDG.MEM.PAGE.ACCEPT found no page."""


@dataclass(frozen=True)
class Tdcall:
    """``instruction``: its number, counted from 1 at the reset vector."""

    leaf: str
    at: Gpa
    instruction: int


@dataclass
class Boot:
    """The host's own memory of one boot, and what it saw. ``memory``: bytes the TD is told it has;
    ``promised``: what of it the firmware is asked to accept."""

    name: str
    memory: int = MEMORY
    promised: int = 0
    vmm: Vmm = field(default_factory=Vmm)
    tdcalls: list[Tdcall] = field(default_factory=list)
    total: int = 0
    """TDCALLs in all; the list ends after the first few thousand."""
    accepted: dict[int, int] = field(default_factory=lambda: {PAGE: 0, LARGE: 0})
    """Page size -> pages accepted."""
    tables: set[tuple[int, Gpa]] = field(default_factory=set)
    """Secure EPT tables that are known to exist: (level, first GPA)."""
    used_small: int = 0
    used_large: int = 0
    """How far the host has looked for free frames of each size."""
    added: int = 0
    """Pages that are there from the beginning."""
    answer: Registers = field(default_factory=dict)
    """What the newest TDVMCALL gets at the next entry."""
    answered: int = -1
    """How many instructions had run when that TDVMCALL was made."""
    instructions: int = 0
    noted: bool = False
    """Whether the host keeps what it remembers in the machine's memory, see ``firmware_notes``."""

    @property
    def accepted_bytes(self) -> int:
        return sum(size * count for size, count in self.accepted.items())


def begin(image: tdvf.Firmware, memory: int = MEMORY) -> Boot:
    """A boot of this image that has not begun yet."""
    there = sum(s.memory for s in image.sections if s.type in ("TD_HOB", "TempMem") and s.added)
    return Boot(image.name, memory, memory - there, Chipset(memory=memory))


def build(job: Boot, image: tdvf.Firmware) -> Recipe:
    """Platform up, TD built page by page as KVM does it: PAGE.ADD, then MR.EXTEND where it is asked for."""
    place, hob = tdvf.hob(image, job.memory)
    pages = [
        (
            gpa,
            hob[gpa - place : gpa - place + PAGE].ljust(PAGE, b"\x00")
            if 0 <= gpa - place < len(hob)
            else content,
            extend,
        )
        for gpa, content, extend in image.added_pages()
    ]
    if len(pages) * PAGE > SMALL_FRAMES - BUILD_FRAMES:
        raise TdxvizError(f"{image.name}: {len(pages)} pages at build time are more than this host keeps")
    job.added = len(pages)
    yield from boot.bring_up()
    yield from boot.create_td()
    yield from boot.create_vcpu(operand=place)
    for gpa, _, _ in pages:
        yield from _tables(job, gpa, 0)
    for n, (gpa, content, extend) in enumerate(pages):
        yield from _add(gpa, BUILD_FRAMES + n * PAGE, content, extend)
    yield from seamcall("TDH.MR.FINALIZE", rcx=layout.TDR)


def _add(gpa: Gpa, hpa: Hpa, content: bytes, extend: bool) -> Recipe:
    """PAGE.ADD from a page of the host's, and MR.EXTEND of all of it where that is asked for."""
    yield HostWrite(hpa=layout.SOURCE_PAGES, data=content, how="full-line", lp=0, trace=False)
    yield from seamcall("TDH.MEM.PAGE.ADD", rcx=gpa, rdx=layout.TDR, r8=hpa, r9=layout.SOURCE_PAGES)
    for at in range(gpa, gpa + PAGE if extend else gpa, CHUNK):
        yield from seamcall("TDH.MR.EXTEND", rcx=at, rdx=layout.TDR)


def _tables(job: Boot, gpa: Gpa, level: int) -> Recipe:
    """Secure EPT tables down to the one that holds entries of ``level``."""
    for above in range(3, level, -1):
        first = gpa >> 12 + 9 * above << 12 + 9 * above
        if (above, first) not in job.tables:
            page = layout.TABLES + len(job.tables) * PAGE
            yield from seamcall("TDH.MEM.SEPT.ADD", rcx=first | above, rdx=layout.TDR, r8=page)
            job.tables.add((above, first))


def give(machine: Machine, job: Boot, gpa: Gpa, extended: int) -> Recipe:
    """The firmware accepts a page that is not there yet: the host adds it, in the size asked for."""
    if extended & 0xFF != ACCEPT or gpa >= job.memory:
        return
    level = extended >> 32 & 1
    if level and (1, gpa) in job.tables:
        return
    hpa = _frame(machine, job, level)
    yield from _tables(job, gpa, level)
    yield from seamcall("TDH.MEM.PAGE.AUG", rcx=gpa | level, rdx=layout.TDR, r8=hpa)


def _frame(machine: Machine, job: Boot, level: int) -> Hpa:
    """The next free page of that size. Raises TdxvizError when there is none."""
    start, size = (LARGE_FRAMES, LARGE) if level else (SMALL_FRAMES, PAGE)
    end = machine.platform.size if level else LARGE_FRAMES
    module = machine.module
    assert module is not None
    while (hpa := start + (job.used_large if level else job.used_small) * size) + size <= end:
        if level:
            job.used_large += 1
        else:
            job.used_small += 1
        if module.is_free(hpa, level):
            return hpa
    raise TdxvizError(f"the host has no free page of {size >> 10} KiB left for the firmware")
