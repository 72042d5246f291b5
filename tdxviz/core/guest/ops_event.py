"""INT n, IRET, STI, CLI: into handlers and back. Source: Intel SDM volume 2."""

from tdxviz.core.arch.registers import RSP, SS
from tdxviz.core.faults import Boundary, GuestFault, SoftwareInterrupt
from tdxviz.core.guest import aligned, debug, segments, shadow
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, name
from tdxviz.core.guest.operands import mask
from tdxviz.core.guest.table import Build, Op
from tdxviz.core.hw.cpu import Segment
from tdxviz.core.hw.walk import is_canonical
from tdxviz.core.units import U64

DEBUG, BREAKPOINT, OVERFLOW, GP = 1, 3, 4, 13
OF = 1 << 11
TF, IF, NT, RF = 1 << 8, 1 << 9, 1 << 14, 1 << 16
IOPL = 3 << 12
RESTORED = 0x0025_4DD5
"""CF PF AF ZF SF TF DF OF NT RF AC ID; IF and IOPL depend on privilege."""


SIZES = {"IRET": 2, "IRETD": 4, "IRETQ": 8}


def iret(ins: Instruction) -> Op:
    """In 64-bit mode. Pops RIP, CS, RFLAGS, RSP, SS; checks first, then changes everything."""
    size = SIZES[name(ins)]
    low = mask(size)

    def run(x: Context) -> int:
        cpu, top = x.cpu, x.gprs[RSP]
        if cpu.rflags & NT:
            raise GuestFault(GP, 0)  # there is no task to return to in 64-bit mode
        rip, cs, flags, rsp, ss = (x.load(top + size * n & U64, size) for n in range(5))
        target, cpl = _code(x, cs & 0xFFFF), cs & 3
        stack = _stack(x, ss & 0xFFFF, cpl, target)
        if not (is_canonical(rip) if target.long else rip < 1 << 32):
            raise GuestFault(GP, 0)
        commit_shadow = shadow.prepare_iret(x, cs & 0xFFFF, rip, cpl)
        before = cpu.cpl
        segments.enter_code(x, target, cpl)
        commit_shadow()
        cpu.segments[SS], x.gprs[RSP] = stack, rsp
        cpu.rflags = _flags(cpu.rflags, cpu.rflags & ~low | flags, before)
        if not cpu.dr7 & debug.ENABLED:
            cpu.rflags &= ~RF  # the next instruction would clear it, and nobody looks before
        if cpl != before:
            segments.drop_for_user(x)
        if (
            cpu.nmi_blocked
            or cpu.irr
            or cpu.rflags & TF
            or cpu.dr7 & 0xFF
            or aligned.wanted(cpu)
            or (cpu.cet and shadow.waiting(cpu))
        ):
            cpu.nmi_blocked, cpu.rip = False, rip
            raise Boundary
        return rip

    return run


def _code(x: Context, selector: int) -> Segment:
    """The segment to return to, at the privilege that the selector asks for (not above ours)."""
    if selector & ~3 == 0:
        raise GuestFault(GP, 0)
    target = segments.read(x, selector)
    cpl, error = selector & 3, selector & ~3
    conforming = bool(target.attributes & segments.CONFORMING)
    if not segments.is_code(target) or cpl < x.cpu.cpl:
        raise GuestFault(GP, error)
    if target.dpl > cpl or (not conforming and target.dpl != cpl):
        raise GuestFault(GP, error)
    if target.long and target.attributes >> 14 & 1:
        raise GuestFault(GP, error)
    if not target.attributes & segments.PRESENT:
        raise GuestFault(segments.NP, error)
    return target


def _stack(x: Context, selector: int, cpl: int, target: Segment) -> Segment:
    kept, x.cpu.cpl = x.cpu.cpl, cpl
    bits, x.cpu.bits = x.cpu.bits, 64 if target.long else 32
    try:
        return segments.checked(x, SS, selector)
    finally:
        x.cpu.cpl, x.cpu.bits = kept, bits


def _flags(old: int, new: int, cpl: int) -> int:
    """RFLAGS after IRET executed at ``cpl``."""
    may = RESTORED
    if cpl <= old >> 12 & 3:
        may |= IF
    if cpl == 0:
        may |= IOPL
    return old & ~may | new & may | 2


def software_interrupt(ins: Instruction) -> Op:
    vector = BREAKPOINT if ins.op_count == 0 else ins.immediate(0)
    length = ins.len

    def run(x: Context) -> None:
        raise SoftwareInterrupt(vector, length)

    return run


def int1(ins: Instruction) -> Op:
    """#DB whatever the gate's privilege says; DR6 stays."""
    length = ins.len

    def run(x: Context) -> None:
        raise SoftwareInterrupt(DEBUG, length, "icebp")

    return run


def into(ins: Instruction) -> Op:
    """#OF if OF is set; 32-bit code only."""
    length = ins.len

    def run(x: Context) -> None:
        if x.cpu.rflags & OF:
            raise SoftwareInterrupt(OVERFLOW, length)

    return run


def _may_change_if(x: Context) -> None:
    if x.cpu.cpl > x.cpu.rflags >> 12 & 3:
        raise GuestFault(GP, 0)


def cli(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        _may_change_if(x)
        x.cpu.rflags &= ~IF

    return run


def sti(ins: Instruction) -> Op:
    """Interrupts are taken behind the instruction that follows."""
    after = ins.next_ip

    def run(x: Context) -> None:
        _may_change_if(x)
        cpu = x.cpu
        if not cpu.rflags & IF:
            cpu.rflags |= IF
            cpu.quiet_at = cpu.rip = after
            raise Boundary

    return run


TABLE: dict[str, Build] = {
    **dict.fromkeys(SIZES, iret),
    "INT1": int1,
    "INT": software_interrupt,
    "INT3": software_interrupt,
    "INTO": into,
    "STI": sti,
    "CLI": cli,
}
