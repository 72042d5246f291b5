"""LTR: where the processor finds the stacks of handlers. Source: Intel SDM volume 2, LTR."""

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import segments
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import reader
from tdxviz.core.guest.table import Build, Op

GP = 13
BUSY = 1 << 41
"""In the descriptor's first 8 bytes."""


def ltr(ins: Instruction) -> Op:
    get = reader(ins, 0, 2)

    def run(x: Context) -> None:
        if x.cpu.cpl:
            raise GuestFault(GP, 0)
        selector = get(x) & 0xFFFF
        if selector & ~3 == 0:
            raise GuestFault(GP, 0)
        found = segments.system_segment(x, selector, (segments.TSS_AVAILABLE,))
        at = x.cpu.gdt_base + (selector & ~7)
        segments.system_store(x, at, 8, segments.system_load(x, at, 8) | BUSY)
        x.cpu.tr = found._replace(attributes=found.attributes | 2)

    return run


TABLE: dict[str, Build] = {"LTR": ltr}
