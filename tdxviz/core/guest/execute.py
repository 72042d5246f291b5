"""Running a guest: fetch, compile, execute, deliver exceptions.

Order inside one instruction: addresses, then loads, then the store, then registers and flags. An
outcome that is raised leaves registers, flags and memory untouched, with RIP at the instruction.
"""

from tdxviz.core import events as e
from tdxviz.core.faults import (
    Architectural,
    Boundary,
    EptViolation,
    GuestFault,
    MachineCheck,
    TripleFault,
)
from tdxviz.core.guest import decoder
from tdxviz.core.guest.compiler import Compiled, compile_at
from tdxviz.core.guest.context import Context
from tdxviz.core.hw import path
from tdxviz.core.hw.cpu import RSP, CpuState
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.units import LINE, U64, with_keyid

UD, DF, GP, PF = 6, 8, 13, 14
WITH_ERROR = {8, 10, 11, 12, 13, 14, 17, 21}
CONTRIBUTORY = {0, 10, 11, 12, 13, 21}
PAGE_FAULTS = {14, 20}
TRAP_GATE, INTERRUPT_GATE = 0xF, 0xE
IF, TF = 1 << 9, 1 << 8


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


# --- exceptions ---------------------------------------------------------------------------------


def deliver(
    p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState, vector: int,
    error: int | None = None, cr2: int | None = None,
) -> None:  # fmt: skip
    """Send an exception through the guest's IDT; escalate to #DF, then to a triple fault.

    Raises:
        TripleFault: #DF could not be delivered either.
        EptViolation, MachineCheck: the handler's memory is not there.
    """
    x = Context(p, lp, ctx, cpu)
    if cr2 is not None:
        cpu.cr2 = cr2
    rip = cpu.rip
    try:
        _through_gate(x, vector, error)
    except GuestFault as second:
        why = f"its delivery raised exception {second.vector}"
        _delivered(x, vector, rip, error, why)
        if vector == DF:
            raise TripleFault from second
        if doubles(vector, second.vector):
            deliver(p, lp, ctx, cpu, DF, 0)
        else:
            deliver(p, lp, ctx, cpu, second.vector, second.error, second.cr2)
        return
    except (EptViolation, MachineCheck):
        raise
    _delivered(x, vector, rip, error, "")


def doubles(first: int, second: int) -> bool:
    """Whether a second exception makes a double fault or is handled in turn (SDM 3, table 7-5)."""
    if first in PAGE_FAULTS:
        return second in CONTRIBUTORY or second in PAGE_FAULTS
    return first in CONTRIBUTORY and second in CONTRIBUTORY


def _delivered(x: Context, vector: int, rip: int, error: int | None, why: str) -> None:
    x.p.note(
        e.ExceptionDelivered(
            lp=x.lp.id, actor=x.ctx.actor, vector=vector, rip=rip,
            error=-1 if error is None else error, cr2=x.cpu.cr2 if vector == PF else 0, why=why,
        )
    )  # fmt: skip


def _through_gate(x: Context, vector: int, error: int | None) -> None:
    """Read the gate, push the frame in one store, jump."""
    cpu = x.cpu
    if cpu.bits != 64 or cpu.idt_limit < vector * 16 + 15:
        raise GuestFault(GP, vector * 8 + 2)
    gate = x.load(cpu.idt_base + vector * 16, 16)
    kind = gate >> 40 & 0xF
    if not gate >> 47 & 1 or kind not in (TRAP_GATE, INTERRUPT_GATE):
        raise GuestFault(GP, vector * 8 + 2)
    handler = gate & 0xFFFF | gate >> 32 & 0xFFFF_0000 | gate >> 32 & 0xFFFF_FFFF_0000_0000
    words = [cpu.rip, cpu.cs, cpu.rflags, x.gprs[RSP], cpu.ss]
    if vector in WITH_ERROR:
        words.insert(0, error or 0)
    frame = b"".join(word.to_bytes(8, "little") for word in words)
    top = (x.gprs[RSP] & ~15) - len(frame) & U64
    path.store(x.p, x.lp, x.ctx, top, frame)
    x.gprs[RSP], cpu.rip = top, handler
    cpu.rflags &= ~(TF | IF) if kind == INTERRUPT_GATE else ~TF
