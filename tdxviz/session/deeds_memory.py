"""What an honest host does with a TD and its memory. Each function expands one action."""

from tdxviz.core.calls import number_of
from tdxviz.core.commands import Seamcall, VmInvept, VmMap
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import programs
from tdxviz.core.host import boot, layout, memory, sharing, teardown
from tdxviz.core.host.seam import seamcall
from tdxviz.core.machine import Machine
from tdxviz.core.units import Gpa, Hpa, page_of
from tdxviz.session import deeds as d
from tdxviz.session import places
from tdxviz.session.actions import Script

FREE: Hpa = layout.SPARE + 0x10_0000
"""A page that the scenario never uses."""


def _page(machine: Machine, args: d.GuestPage) -> tuple[Gpa, int]:
    """GPA aligned to the level. Raises TdxvizError."""
    if args.level not in (0, 1, 2):
        raise TdxvizError(f"level: {args.level} must be 0 (4 KiB), 1 (2 MiB) or 2 (1 GiB)")
    shift = 12 + 9 * args.level
    return places.gpa(machine, args.at) >> shift << shift, args.level


def remove(machine: Machine, args: d.GuestPage) -> Script:
    yield from memory.remove(machine, *_page(machine, args))


def add(machine: Machine, args: d.GuestPage) -> Script:
    gpa, level = _page(machine, args)
    yield from memory.add(machine, gpa, memory.home(machine, gpa, level), level)


def block(machine: Machine, args: d.GuestPage) -> Script:
    """The next use of the page stops the guest. An ordinary VM's EPT just loses the mapping."""
    gpa, level = _page(machine, args)
    if machine.world != "legacy":
        yield from memory.shoot_down(machine, gpa, level)
        return
    yield from _vm_page(machine, gpa, perms=0)


def unblock(machine: Machine, args: d.GuestPage) -> Script:
    gpa, level = _page(machine, args)
    if machine.world != "legacy":
        lp = memory.free_lp(machine)
        yield from seamcall("TDH.MEM.RANGE.UNBLOCK", lp=lp, rcx=gpa | level, rdx=layout.TDR)
        return
    yield from _vm_page(machine, gpa, perms=7)


def _vm_page(machine: Machine, gpa: Gpa, perms: int) -> Script:
    """Raises TdxvizError for a page that the scenario never gave the VM."""
    yield VmMap(gpa=gpa, hpa=layout.hpa_of(gpa), tables=layout.TABLES, perms=perms)
    yield VmInvept()


def relocate(machine: Machine, args: d.GuestPage) -> Script:
    gpa, _ = _page(machine, args)
    yield from memory.relocate(machine, gpa, memory.spare(machine))


def demote(machine: Machine, args: d.GuestPage) -> Script:
    args.level = args.level or 1
    yield from memory.demote(machine, *_page(machine, args))


def promote(machine: Machine, args: d.GuestPage) -> Script:
    args.level = args.level or 1
    yield from memory.promote(machine, *_page(machine, args))


def share(machine: Machine, args: d.GuestPage) -> Script:
    yield from sharing.to_shared(machine, _page(machine, args)[0])


def unshare(machine: Machine, args: d.GuestPage) -> Script:
    yield from sharing.to_private(machine, _page(machine, args)[0])


def call_leaf(machine: Machine, args: d.Leaf) -> Script:
    operands = {name: _operand(machine, getattr(args, name)) for name in ("rcx", "rdx", "r8", "r9")}
    yield Seamcall(rax=number_of(args.leaf, side="host"), lp=args.lp, **operands)


def _operand(machine: Machine, wanted: int | str) -> int:
    """Raises TdxvizError for a name that means nothing, with the nearest."""
    if isinstance(wanted, int):
        return wanted
    kind, _, name = wanted.partition(":")
    if kind == "gpa" and name:
        return places.gpa(machine, name)
    if kind == "page" and name:
        return page_of(places.hpa(machine, name))
    fixed = {"td": layout.TDR, "vcpu": layout.TDVPR, "hkid": layout.HKIDS[0], "free": FREE}
    if wanted in fixed:
        return fixed[wanted]
    return places.label(machine, wanted)


def kick(machine: Machine, args: d.Nothing) -> Script:
    memory.domain(machine)
    yield from memory.kick(machine)


def look(machine: Machine, args: d.Place) -> Script:
    yield from memory.look(machine, places.label(machine, args.at), args.size)


def end(machine: Machine, args: d.Nothing) -> Script:
    yield from teardown.tear_down(machine)


def build(machine: Machine, args: d.Build) -> Script:
    if not memory.module_of(machine).is_free(layout.TDR, 0):
        raise TdxvizError("the guest lives in those pages; end it first (td.end)")
    attributes = boot.SEPT_VE_DISABLE | (boot.DEBUG if args.debug else 0)
    yield from boot.build_td(programs.load(machine.books.program), attributes=attributes)
