"""The vault scenario: bring the machine up and run its guest until it keeps its secrets."""

from tdxviz.core.commands import EvictLine
from tdxviz.core.guest import programs
from tdxviz.core.guest.programs import Program
from tdxviz.core.host import boot, layout, plain_vm, run
from tdxviz.core.host.seam import Recipe
from tdxviz.core.machine import Machine
from tdxviz.core.observe import guest_keyid
from tdxviz.core.units import LINE, PAGE, page_of

READY_WITHIN = 60_000
"""Instructions that the vault needs at most to reach its label ``ready``."""


def setup(
    machine: Machine, program: Program | None = None, *, attributes: int = boot.SEPT_VE_DISABLE
) -> Recipe:
    """From power-on to the program's label ``ready``, in any world. The vault unless told otherwise;
    ``attributes`` are the TD's."""
    program = program or programs.load("vault")
    machine.books = layout.books(program)
    if machine.world == "legacy":
        yield from plain_vm.build_vm(program)
    else:
        yield from boot.bring_up()
        yield from boot.build_td(program, attributes=attributes)
    until = program.symbols["ready"]
    yield from run.resume(machine, steps=READY_WITHIN, until=until, trace=False)
    yield from settle(machine)


def settle(machine: Machine) -> Recipe:
    """Time passes: cache pressure writes the guest's secrets back, so that memory holds them."""
    keyid = guest_keyid(machine)
    for page in (layout.symbol("password"), layout.symbol("picture")):
        for line in range(layout.hpa_of(page_of(page)), layout.hpa_of(page_of(page)) + PAGE, LINE):
            yield EvictLine(hpa=line, keyid=keyid)
