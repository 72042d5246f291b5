"""One SEAMCALL of an honest host: yields the command, insists on success."""

from collections.abc import Generator
from typing import TypeAlias

from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import Command, Seamcall
from tdxviz.core.events import Event, LeafReturned
from tdxviz.core.faults import TdxvizError

Recipe: TypeAlias = Generator[Command, tuple[Event, ...], None]
"""Yields commands, is sent the events of each."""


Answered: TypeAlias = Generator[Command, tuple[Event, ...], LeafReturned]


def seamcall(name: str, *, lp: int = 0, **regs: int) -> Answered:
    """Returns the module's answer. Raises TdxvizError with the leaf's status and reason if the module refuses."""
    events = yield Seamcall(rax=BY_NAME[name].number, lp=lp, **regs)
    answer = next((e for e in events if isinstance(e, LeafReturned)), None)
    if answer is None:
        raise TdxvizError(f"{name}: the SEAMCALL itself failed; there is no TDX module to answer")
    if answer.status & s.ERROR:
        operand = s.operand_of(answer.status)
        about = f" ({operand})" if operand else ""
        raise TdxvizError(f"{name} returned {s.name_of(answer.status)}{about}: {answer.reason}")
    return answer
