"""The vault scenario: bring the machine up and run its guest until it keeps its secrets."""

from tdxviz.core.guest import programs
from tdxviz.core.host import boot, layout, plain_vm, run
from tdxviz.core.host.seam import Recipe
from tdxviz.core.machine import Machine

READY_WITHIN = 60_000
"""Instructions that the vault needs at most to reach its label ``ready``."""


def setup(machine: Machine) -> Recipe:
    """From power-on to the label ``ready``, in any world."""
    program = programs.load("vault")
    if machine.world == "legacy":
        yield from plain_vm.build_vm(program)
    else:
        yield from boot.bring_up()
        yield from boot.build_td(program)
    until = layout.symbol("ready")
    yield from run.resume(machine, steps=READY_WITHIN, until=until, trace=False)
