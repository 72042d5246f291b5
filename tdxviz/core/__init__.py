"""The machine as a library: ``from tdxviz.core import Machine, call``.

    machine = Machine("ci")
    machine.do(call("TDH.SYS.INIT"))
    machine.do(Seamcall(rax=33, lp=2, rcx=0xFFFF_FFFF_FFFF_FFFF))

``Machine.do`` carries out a command and returns its events. ``call`` makes a SEAMCALL or TDCALL by the
name of its leaf, ``Seamcall`` and ``Tdcall`` by raw registers. ``tdxviz.core.drive`` carries out a recipe
of ``tdxviz.core.host``; ``tdxviz.core.observe`` and ``tdxviz.core.peek`` answer questions and disturb
nothing. What is named here is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tdxviz.core.arch.status import name_of as name_of
    from tdxviz.core.arch.status import operand_of as operand_of
    from tdxviz.core.calls import call as call
    from tdxviz.core.calls import number_of as number_of
    from tdxviz.core.commands import *  # noqa: F403 - every command is part of the library
    from tdxviz.core.faults import TdxvizError as TdxvizError
    from tdxviz.core.machine import Machine as Machine
    from tdxviz.core.verdict import judge as judge

PLACES = {
    "Machine": "machine", "TdxvizError": "faults", "call": "calls", "judge": "verdict",
    "name_of": "arch.status", "number_of": "calls", "operand_of": "arch.status",
}  # fmt: skip
"""Name -> module of this package that holds it. Commands are found by their own names."""


def __getattr__(name: str) -> object:
    if name in PLACES:
        return getattr(import_module(f"tdxviz.core.{PLACES[name]}"), name)
    if name[:1].isupper() and name in (commands := import_module("tdxviz.core.codec").COMMANDS):
        return commands[name]
    raise AttributeError(f"module 'tdxviz.core' has no {name!r}")
