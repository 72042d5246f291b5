"""From RIP to a compiled instruction, through TLB and cache."""

from tdxviz.core import events as e
from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import decoder
from tdxviz.core.guest.compiler import Compiled, compile_at
from tdxviz.core.guest.context import Context
from tdxviz.core.units import LINE, U64

UD = 6


def compiled_at(x: Context, rip: int) -> Compiled:
    """The instruction at ``rip``, remembered as long as its line and its translation are the same.

    Raises:
        GuestFault: #UD for bytes that are no instruction, or one that is not modelled; else as a load.
    """
    found = x.known.get(rip)
    if found is not None:
        page = x.fx.get(rip >> 12)
        line = None if page is None else x.lines.get(rip + page & -LINE)
        if line is not None and line.data is found[0]:
            return found[1]
    compiled = fetch(x, rip)
    page = x.fx.get(rip >> 12)
    if page is not None and rip % LINE + compiled.length <= LINE:
        x.known[rip] = x.lines[rip + page & -LINE].data, compiled
    return compiled


def fetch(x: Context, rip: int) -> Compiled:
    """Fetch and compile one instruction; the next line only if the instruction reaches into it."""
    room = LINE - rip % LINE
    first = x.fetch(rip, min(room, decoder.LONGEST))
    try:
        compiled = compile_at(first, rip, x.cpu.bits)
    except decoder.Incomplete:
        rest = x.fetch(rip + room & U64, decoder.LONGEST - room)
        compiled = compile_at(first + rest, rip, x.cpu.bits)
    if compiled is None:
        raise GuestFault(UD)
    if compiled.op is None:
        x.p.note(
            e.InstructionNotModelled(
                lp=x.lp.id, actor=x.ctx.actor, rip=rip, code=compiled.code, text=compiled.text
            )
        )
        raise GuestFault(UD)
    return compiled
