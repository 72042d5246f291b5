"""What every family of instructions shares: the shape of a compiled instruction."""

from collections.abc import Callable
from typing import TypeAlias

from iced_x86 import MemorySizeExt

from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, register_place

Op: TypeAlias = Callable[[Context], int | None]
"""Runs one instruction; returns the next RIP, or None for the following instruction. Raises an
architectural outcome before it changed anything."""

Build: TypeAlias = Callable[[Instruction], Op]


def operand_size(ins: Instruction, op: int = 0) -> int:
    """Bytes of an operand: the register's, else the memory operand's."""
    if ins.op_kind(op) == OpKind.REGISTER:
        return register_place(ins.op_register(op))[1]
    return MemorySizeExt.size(ins.memory_size)
