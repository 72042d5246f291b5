"""Exceptions and interrupts through the guest's IDT in long mode: gates, stacks, escalation.

Source: Intel SDM volume 3, chapter 7. Outside 64-bit mode there is no delivery: whatever has to be
delivered there ends in a triple fault (a TD's reset code has no IDT; a simplification).
"""

from dataclasses import dataclass

from tdxviz.core import events as e
from tdxviz.core.arch.registers import RSP, SS
from tdxviz.core.faults import EptViolation, GuestFault, MachineCheck, NonCanonical, TripleFault
from tdxviz.core.guest import debug, segments, shadow
from tdxviz.core.guest.context import Context
from tdxviz.core.hw.cpu import NULL_SEGMENT, CpuState, Segment
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.hw.walk import is_canonical
from tdxviz.core.units import U64

DB, DF, TS, NP, STACK, GP, PF = 1, 8, 10, 11, 12, 13, 14
WITH_ERROR = {8, 10, 11, 12, 13, 14, 17, 21}
CONTRIBUTORY = {0, 10, 11, 12, 13, 21}
PAGE_FAULTS = {14, 20}
TRAP_GATE, INTERRUPT_GATE = 0xF, 0xE
TF, IF, NT, RF, VM = 1 << 8, 1 << 9, 1 << 14, 1 << 16, 1 << 17

EVENT_VALID, EVENT_HAS_ERROR = 1 << 31, 1 << 11
TYPES = {"interrupt": 0, "nmi": 2, "fault": 3, "trap": 3, "software": 4, "icebp": 5}
"""Interruption types as a VMCS names them."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What is to be delivered. ``kind``: fault, trap, interrupt, nmi, software, icebp (INT1)."""

    vector: int
    error: int | None = None
    kind: str = "fault"
    length: int = 0
    """Of the instruction, for ``software``: the handler returns behind it."""

    @property
    def external(self) -> int:
        """EXT in the error code of a fault during this delivery."""
        return int(self.kind != "software")


def deliver(
    p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState, vector: int,
    error: int | None = None, cr2: int | None = None, *, kind: str = "fault", length: int = 0,
) -> None:  # fmt: skip
    """Send an event through the guest's IDT; escalate to #DF, then to a triple fault.

    Raises:
        TripleFault: #DF could not be delivered either.
        EptViolation, MachineCheck: the handler's memory is not there; the event is kept in the
            vCPU (``event``) and delivered again before its next instruction.
    """
    x, what = Context(p, lp, ctx, cpu), Happening(vector, error, kind, length)
    x.armed = False
    if cr2 is not None:
        cpu.cr2 = cr2
    rip, cpu.event = cpu.rip, 0
    try:
        _through_gate(x, what)
    except GuestFault as second:
        why = f"its delivery raised exception {second.vector}"
        _delivered(x, what, rip, why)
        if vector == DF:
            raise TripleFault from second
        if kind in ("fault", "trap") and doubles(vector, second.vector):
            deliver(p, lp, ctx, cpu, DF, 0)
        else:
            deliver(p, lp, ctx, cpu, second.vector, second.error, second.cr2)
        return
    except (EptViolation, MachineCheck):
        _keep(cpu, what)
        raise
    cpu.nmi_blocked |= kind == "nmi"
    if vector == DB:
        cpu.dr7 &= ~debug.GENERAL_DETECT  # so that the handler may use the debug registers
    _delivered(x, what, rip, "")


def _keep(cpu: CpuState, what: Happening) -> None:
    """The IDT-vectoring information of the exit. A software interrupt is simply executed again."""
    if what.kind not in ("software", "icebp"):
        error = EVENT_HAS_ERROR if what.error is not None else 0
        cpu.event = EVENT_VALID | TYPES[what.kind] << 8 | error | what.vector
        cpu.event_error = what.error or 0


def pending(cpu: CpuState) -> Happening | None:
    """The event that must be delivered before the vCPU's next instruction."""
    if not cpu.event & EVENT_VALID:
        return None
    kind = {0: "interrupt", 2: "nmi", 3: "fault"}.get(cpu.event >> 8 & 7, "interrupt")
    error = cpu.event_error if cpu.event & EVENT_HAS_ERROR else None
    return Happening(cpu.event & 0xFF, error, kind)


def doubles(first: int, second: int) -> bool:
    """Whether a second exception makes a double fault or is handled in turn (SDM 3, table 7-5)."""
    if first in PAGE_FAULTS:
        return second in CONTRIBUTORY or second in PAGE_FAULTS
    return first in CONTRIBUTORY and second in CONTRIBUTORY


def _delivered(x: Context, what: Happening, rip: int, why: str) -> None:
    error = -1 if what.error is None else what.error
    x.p.note(
        e.ExceptionDelivered(
            lp=x.lp.id, actor=x.ctx.actor, vector=what.vector, rip=rip, error=error,
            cr2=x.cpu.cr2 if what.vector == PF and what.kind == "fault" else 0, why=why, kind=what.kind,
            frame=-1 if why else x.gprs[RSP],
        )
    )  # fmt: skip


def _through_gate(x: Context, what: Happening) -> None:
    """Read the gate, choose the stack, push the frame in one store, jump. Nothing changes before
    the frame is stored."""
    cpu, ext = x.cpu, what.external
    kind, handler, selector, stack_table = _gate(x, what)
    target = _handler_segment(x, selector, ext)
    conforming = bool(target.attributes & segments.CONFORMING)
    cpl = cpu.cpl if conforming else target.dpl
    top = _stack(x, cpl, stack_table, ext)
    if not is_canonical(handler):
        raise GuestFault(GP, ext)
    frame = _frame(x, what)
    top = (top & ~15) - len(frame) & U64
    before = cpu.cpl
    shadow_stack = shadow.prepare_delivery(x, cpl, stack_table, cpu.rip + what.length & U64)
    cpu.cpl = cpl
    try:
        x.store_bytes(top, frame)
    except NonCanonical:
        raise GuestFault(STACK, ext) from None
    finally:
        cpu.cpl = before
    if cpl != before:
        cpu.segments[SS] = NULL_SEGMENT._replace(selector=cpl, attributes=0x1_0000 | cpl << 5)
    segments.enter_code(x, target, cpl)
    shadow_stack()
    x.gprs[RSP], cpu.rip = top, handler
    cpu.rflags &= ~(TF | NT | RF | VM | (IF if kind == INTERRUPT_GATE else 0))
    shadow.expect_endbranch(cpu)


def _gate(x: Context, what: Happening) -> tuple[int, int, int, int]:
    """Type, handler, code selector and IST index of the vector's gate."""
    cpu, vector = x.cpu, what.vector
    error = vector * 8 + 2 + what.external
    if (cpu.bits != 64 and not cpu.long_mode) or cpu.idt_limit < vector * 16 + 15:
        raise GuestFault(GP, error)
    gate = segments.system_load(x, cpu.idt_base + vector * 16, 16)
    kind = gate >> 40 & 0x1F
    if kind not in (TRAP_GATE, INTERRUPT_GATE) or (what.kind == "software" and gate >> 45 & 3 < cpu.cpl):
        raise GuestFault(GP, error)
    if not gate >> 47 & 1:
        raise GuestFault(NP, error)
    handler = gate & 0xFFFF | gate >> 32 & 0xFFFF_0000 | gate >> 32 & 0xFFFF_FFFF_0000_0000
    return kind, handler, gate >> 16 & 0xFFFF, gate >> 32 & 7


def _handler_segment(x: Context, selector: int, ext: int) -> Segment:
    """The 64-bit code segment that a gate names, at this privilege or a higher one."""
    if selector & ~3 == 0:
        raise GuestFault(GP, ext)
    target = segments.read(x, selector, GP, ext)
    error = selector & ~3 | ext
    if not segments.is_code(target) or target.dpl > x.cpu.cpl:
        raise GuestFault(GP, error)
    if not target.attributes & segments.PRESENT:
        raise GuestFault(NP, error)
    if not target.long or target.attributes >> 14 & 1:
        raise GuestFault(GP, error)
    return target


def _stack(x: Context, cpl: int, stack_table: int, ext: int) -> int:
    """Top of the stack to use: the present one, the TSS's for a new privilege, or one of its IST."""
    cpu = x.cpu
    if stack_table:
        offset = 0x1C + 8 * stack_table
    elif cpl != cpu.cpl:
        offset = 4 + 8 * cpl
    else:
        return x.gprs[RSP]
    if offset + 7 > cpu.tr.limit:
        raise GuestFault(TS, cpu.tr.selector & ~3 | ext)
    top = segments.system_load(x, cpu.tr.base + offset, 8)
    if not is_canonical(top):
        raise GuestFault(STACK, ext)
    return top


def _frame(x: Context, what: Happening) -> bytes:
    """SS, RSP, RFLAGS, CS, RIP and the error code, in memory order. A fault returns with RF set."""
    cpu = x.cpu
    flags = cpu.rflags | RF if what.kind == "fault" and what.vector != DB else cpu.rflags
    words = [cpu.rip + what.length & U64, cpu.cs, flags, x.gprs[RSP], cpu.ss]
    if what.vector in WITH_ERROR and what.kind == "fault":
        words.insert(0, what.error or 0)
    return b"".join(word.to_bytes(8, "little") for word in words)
