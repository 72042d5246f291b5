"""A second guest beside the first, in words that fit every world. Each function expands one action."""

from tdxviz.core.calls import number_of
from tdxviz.core.commands import Seamcall
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, memory, second
from tdxviz.core.machine import Machine
from tdxviz.core.units import page_of
from tdxviz.session import deeds as d
from tdxviz.session import places
from tdxviz.session.actions import Script


def build(machine: Machine, args: d.Nothing) -> Script:
    yield from second.build(machine)


def give(machine: Machine, args: d.Page) -> Script:
    """TDH.MEM.PAGE.AUG into the second TD, whatever the module says; or an entry in the second VM's EPT."""
    _there(machine)
    page = page_of(places.hpa(machine, args.at))
    if machine.world == "legacy":
        yield from second.map_vm(page)
        return
    number, lp = number_of("TDH.MEM.PAGE.AUG", side="host"), memory.free_lp(machine)
    yield Seamcall(rax=number, lp=lp, rcx=second.PLACE, rdx=layout.SECOND.tdr, r8=page)


def run(machine: Machine, args: d.Nothing) -> Script:
    """It accepts (in a TD) and reads what is at its place, or leaves because nothing is; then it is stopped."""
    _there(machine)
    yield from second.look(machine)
    yield from second.leave(machine)


def _there(machine: Machine) -> None:
    """Raises TdxvizError."""
    if machine.world == "legacy":
        there = second.VM in machine.vms
    else:
        there = layout.SECOND.tdr in memory.module_of(machine).pamt
    if not there:
        raise TdxvizError("there is no second guest; build one first (second.build)")
