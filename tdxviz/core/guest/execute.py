"""Running a guest: fetch, compile, execute. Exceptions are delivered in ``exceptions``.

Order inside one instruction: addresses, then loads, then the store, then registers and flags. An
outcome that is raised leaves registers, flags and memory untouched, with RIP at the instruction.
"""

from tdxviz.core import events as e
from tdxviz.core.faults import Architectural, Boundary, GuestFault
from tdxviz.core.guest import decoder
from tdxviz.core.guest.compiler import Compiled, compile_at
from tdxviz.core.guest.context import Context
from tdxviz.core.hw import path
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.units import LINE, U64, with_keyid

UD = 6


def run(
    p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState, steps: int,
    until: int | None,
) -> int:  # fmt: skip
    """Execute up to ``steps`` instructions; stop early before ``until``. Returns how many ran.

    Raises:
        Architectural: an outcome to attend to; its ``executed`` says how many ran before it.
    """
    x = Context(p, lp, ctx, cpu)
    known = x.known
    tlb, lines, vpid = lp.tlb, p.cache.lines, ctx.vpid
    done, rip = 0, cpu.rip
    last: Compiled | None = None
    try:
        while done < steps:
            rip = cpu.rip
            found = known.get(rip)
            if found is not None:
                entry = tlb.lookup(vpid, rip)
                if entry is None or entry.perms[2] != "x":
                    found = None
                else:
                    at = entry.hpa + (rip & 0xFFF)
                    line = lines.get(with_keyid(at & -LINE, entry.keyid))
                    if line is None or line.data is not found[0]:
                        found = None
            if found is None or p.trace:
                compiled = _fetch(x, rip, known)
            else:
                compiled = found[1]
            if compiled.op is None:
                _not_modelled(x, rip, compiled)
            last = compiled
            target = compiled.op(x)  # type: ignore[misc]  # because _not_modelled has raised
            cpu.rip = compiled.next if target is None else target
            done += 1
            if p.trace:
                _retired(x, rip, compiled)
            if cpu.rip == until:
                break
    except Boundary:
        done += 1
        if p.trace and last is not None:
            _retired(x, rip, last)
    except Architectural as outcome:
        outcome.executed = done
        raise
    return done


def _fetch(x: Context, rip: int, known: dict[int, tuple[bytes, Compiled]]) -> Compiled:
    """Fetch through TLB and cache, and compile. Raises #UD for bytes that are no instruction."""
    room = LINE - rip % LINE
    first = path.fetch(x.p, x.lp, x.ctx, rip, min(room, decoder.LONGEST))
    try:
        compiled = compile_at(first, rip, x.cpu.bits)
        if compiled is not None:
            _remember(x, rip, known, compiled)
    except decoder.Incomplete:
        rest = path.fetch(x.p, x.lp, x.ctx, rip + room & U64, decoder.LONGEST - room)
        compiled = compile_at(first + rest, rip, x.cpu.bits)
    if compiled is None:
        raise GuestFault(UD)
    return compiled


def _remember(x: Context, rip: int, known: dict[int, tuple[bytes, Compiled]], compiled: Compiled) -> None:
    entry = x.lp.tlb.lookup(x.ctx.vpid, rip)
    if entry is not None:
        line = x.p.cache.lookup(entry.hpa + (rip & 0xFFF) & -LINE, entry.keyid)
        if line is not None:
            known[rip] = (line.data, compiled)


def _not_modelled(x: Context, rip: int, compiled: Compiled) -> None:
    code = path.fetch(x.p, x.lp, x.ctx, rip, compiled.length)
    x.p.note(e.InstructionNotModelled(lp=x.lp.id, actor=x.ctx.actor, rip=rip, code=code, text=compiled.text))
    raise GuestFault(UD)


def _retired(x: Context, rip: int, compiled: Compiled) -> None:
    watching, x.p.trace = x.p.trace, False
    try:
        code = path.fetch(x.p, x.lp, x.ctx, rip, compiled.length)
    except Architectural:  # the instruction unmapped itself, for example by a new CR3
        code = b""
    x.p.trace = watching
    x.p.note(e.InstructionRetired(lp=x.lp.id, actor=x.ctx.actor, rip=rip, code=code))


def step(p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState) -> None:
    """Exactly one instruction."""
    run(p, lp, ctx, cpu, 1, None)
