"""The unwatched run: translated blocks where code is hot, closures one by one everywhere else.

Ends in the same state, TLB and caches included, as the same number of single steps.
"""

from tdxviz.core.faults import Architectural, Boundary
from tdxviz.core.guest.block import Block, block_at
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.fetch import compiled_at
from tdxviz.core.units import LINE, PAGE


def run(x: Context, steps: int, until: int | None) -> int:
    """Up to ``steps`` instructions, at least one before stopping at ``until``. Returns how many ran.

    Raises:
        Architectural: except Boundary, with ``executed`` set; registers, flags and RIP are those of the instruction.
    """
    cpu, gprs, lines, rd, wr, code = x.cpu, x.gprs, x.lines, x.rd, x.wr, x.code
    blocks, setting = x.blocks, (until, cpu.bits | bool(cpu.cet))
    if setting != x.setting or cpu.bits != 64:  # a 32-bit block also depends on segments
        blocks.clear()
        x.setting = setting
    find, rip, left = blocks.get, cpu.rip, steps
    try:
        while left > 0:
            found = find(rip)
            if found is not None and found[0] <= left:
                rip = found[1](x, gprs, lines, rd, wr, code)
                if rip >= 0:
                    left -= found[0]
                else:
                    rip, left = cpu.rip, left - x.ran
            elif found is None and (block := _block(x, rip, until)) is not None:
                blocks[rip] = block.length, block.run
                continue
            else:
                cpu.rip, x.base = rip, steps - left
                _walk(x, left, until)
                rip, left = cpu.rip, left - x.ran
            if x.stale:
                blocks.clear()
                code.clear()
                x.stale = False
            if rip == until:
                break
    except Boundary:
        x.settle()
        return steps - left + x.ran + 1
    except Architectural as outcome:
        x.settle()
        outcome.executed = steps - left + x.ran
        raise
    cpu.rip = rip
    x.settle()
    return steps - left


def _block(x: Context, rip: int, until: int | None) -> Block | None:
    """The block at ``rip``, if its bytes are at hand without fetching anything."""
    page = x.fx.get(rip >> 12)
    line = None if page is None else x.lines.get(rip + page & -LINE)
    if page is None or line is None or (x.cpu.bits != 64 and not _flat(x)):
        return None
    tag = rip + page & -LINE
    after = x.lines.get(tag + LINE) if (tag + LINE) % PAGE else None
    block = block_at(rip, x.cpu.bits | bool(x.cpu.cet), line.data, after.data if after is not None else b"")
    if block is None or until in block.inside:
        return None
    x.code[tag] = line.data
    if block.rips[-1] - 1 >> 6 != rip >> 6:
        assert after is not None
        x.code[tag + LINE] = after.data
    return block


def _flat(x: Context) -> bool:
    return x.cpu.bits == 32 and not any(segment.base for segment in x.cpu.segments)


def _walk(x: Context, steps: int, until: int | None) -> None:
    """Single steps until control is transferred; ``x.ran`` counts them."""
    cpu = x.cpu
    x.settle()
    x.ran = 0
    while x.ran < steps:
        compiled = compiled_at(x, cpu.rip)
        target = compiled.op(x)  # type: ignore[misc]  # because compiled_at has refused what has no op
        cpu.rip = compiled.next if target is None else target
        x.ran += 1
        if target is not None or cpu.rip == until:
            break
