"""Another guest beside the first one: the attacker's own, or simply the next customer's.

It runs the gallery's ``neighbour``, which reads what the host puts at one guest address. In a TDX world it is
a TD or, as on every TDX host, an ordinary VM; in the legacy world it is an ordinary VM.
"""

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import RaiseInterrupt, RunGuest, Seamcall, VmEnter, VmMap
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.load.image import Image
from tdxviz.core.host import boot, guests, layout, memory, teardown
from tdxviz.core.host.seam import Recipe
from tdxviz.core.machine import Machine
from tdxviz.core.units import PAGE, Gla, Gpa, Hkid, Hpa

PLACE: Gpa = 0x1000_0000
"""Where it looks."""
VM = 1
"""Number of the ordinary VM: ``vm-b``."""
STEPS = 60_000


def image() -> Image:
    from tdxviz.core.guest import gallery  # brings the assembler

    return gallery.guest("neighbour").image()


def label(name: str) -> Gla:
    """Raises KeyError."""
    return image().symbols[name]


def unused_hkid(machine: Machine) -> Hkid:
    """A private HKID that nobody has, the scenario's own first. Raises TdxvizError."""
    free = [n for n, entry in memory.module_of(machine).kot.items() if entry.state == "HKID_FREE"]
    if not free:
        raise TdxvizError("every private HKID is in use; end a TD first")
    return min(free, key=lambda n: (n not in layout.HKIDS, n))


def build(machine: Machine) -> Recipe:
    """A TD in the TDX worlds, an ordinary VM in the legacy world; it then stands before its first look. One
    that is there already is ended. Raises TdxvizError."""
    if machine.world == "legacy":
        yield from build_vm(machine)
        return
    yield from leave(machine)
    if layout.SECOND.tdr in memory.module_of(machine).pamt:
        yield from teardown.tear_down(machine, layout.SECOND.tdr)
    at = layout.SECOND._replace(hkid=unused_hkid(machine))
    site = boot.Site(at, _processors(machine))
    yield from guests.build_td(guests.plan(image(), layout.SECOND_FRAMES), site=site, more=(PLACE,))
    yield Seamcall(rax=BY_NAME["TDH.VP.ENTER"].number, lp=site.lp, rcx=at.tdvpr)
    yield RunGuest(lp=site.lp, steps=STEPS, until=label("accepting"), trace=False)


def build_vm(machine: Machine) -> Recipe:
    """An ordinary VM, in any world, before its first look."""
    yield from leave(machine)
    pages = guests.plan(image(), layout.SECOND_FRAMES)
    yield from guests.build_vm(pages, VM, layout.SECOND.tables, layout.SECOND_LP, trace=False)
    yield VmEnter(lp=layout.SECOND_LP, vm=VM)
    yield RunGuest(lp=layout.SECOND_LP, steps=STEPS, until=label("looking"), trace=False)


def _processors(machine: Machine) -> tuple[int, ...]:
    """One free processor of each package, the second guest's own last. Raises TdxvizError."""
    free = {lp.package: lp.id for lp in reversed(machine.platform.lps) if lp.mode == "host"}
    home = machine.platform.lps[layout.SECOND_LP]
    if len(free) < len(boot.FIRST_LP_OF_PACKAGE):
        raise TdxvizError("every logical processor of a package runs a guest; interrupt one first")
    return *(lp for package, lp in free.items() if package != home.package), home.id


def leave(machine: Machine) -> Recipe:
    """Whoever runs on its processor is interrupted."""
    if machine.platform.lps[layout.SECOND_LP].mode != "host":
        yield RaiseInterrupt(lp=layout.SECOND_LP, vector=memory.RESCHEDULE)
        yield RunGuest(lp=layout.SECOND_LP, steps=1)


def map_vm(hpa: Hpa, *, keyid: Hkid = 0) -> Recipe:
    """The host puts a page where the ordinary VM looks."""
    yield VmMap(vm=VM, gpa=PLACE, hpa=hpa, tables=layout.SECOND.tables + PAGE, keyid=keyid)


def look(machine: Machine) -> Recipe:
    """Let it go on until it has looked, or to its next exit; whichever kind of guest it is."""
    lp = layout.SECOND_LP
    if machine.platform.lps[lp].mode == "host" and VM in machine.vms:
        yield VmEnter(lp=lp, vm=VM)
    elif machine.platform.lps[lp].mode == "host":
        yield Seamcall(rax=BY_NAME["TDH.VP.ENTER"].number, lp=lp, rcx=layout.SECOND.tdvpr)
    yield RunGuest(lp=lp, steps=STEPS, until=label("looked"))
