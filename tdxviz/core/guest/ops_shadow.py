"""The CET instructions on shadow stacks. Source: Intel SDM volume 2; volume 1, chapter 17.

Where shadow stacks are off they are #UD, except RDSSP, which then does nothing.
"""

from tdxviz.core.arch import msrs
from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import flags as f
from tdxviz.core.guest import shadow
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import address, mask, read_register, write_register
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import CR4_CET, SHADOW_STACK, USER
from tdxviz.core.units import U64

UD, GP, CP = 6, 13, 21
RSTORSSP, SETSSBSY = 4, 5
"""Error codes of #CP."""
WRITE_ENABLED, PREVIOUS, BUSY = 2, 2, 1


def _enabled(x: Context) -> None:
    if not x.cpu.cet & SHADOW_STACK:
        raise GuestFault(UD)


def _supervisor(x: Context) -> None:
    """For SETSSBSY and CLRSSBSY."""
    if not x.cpu.cr4 & CR4_CET or not x.cpu.msrs[msrs.S_CET] & SHADOW_STACK:
        raise GuestFault(UD)
    if x.cpu.cpl:
        raise GuestFault(GP, 0)


def _aligned(gla: int, size: int) -> int:
    if gla % size:
        raise GuestFault(GP, 0)
    return gla


def _mode(x: Context) -> int:
    """Bit 0 of a token: 64-bit code made it."""
    return int(x.cpu.bits == 64)


def rdssp(ins: Instruction) -> Op:
    put, keep = write_register(ins.op0_register), mask(operand_size(ins))

    def run(x: Context) -> None:
        if x.cpu.cet & SHADOW_STACK:
            put(x, x.cpu.ssp & keep)

    return run


def incssp(ins: Instruction) -> Op:
    get, size = read_register(ins.op0_register), operand_size(ins)

    def run(x: Context) -> None:
        _enabled(x)
        count, ssp = get(x) & 0xFF, x.cpu.ssp
        if count:  # the first and the last element must be there
            shadow.load(x, ssp & ~7)
            shadow.load(x, ssp + size * (count - 1) & ~7)
        x.cpu.ssp = ssp + size * count & U64

    return run


def saveprevssp(ins: Instruction) -> Op:
    """Leave a restore token on the stack that RSTORSSP switched from."""

    def run(x: Context) -> None:
        _enabled(x)
        cpu = x.cpu
        token = shadow.load(x, _aligned(cpu.ssp, 8))
        if cpu.rflags & f.CF or not token & PREVIOUS or token & 1 != _mode(x):
            raise GuestFault(GP, 0)
        old = token & ~3
        shadow.store(x, (old & ~7) - 8 & U64, old | _mode(x))
        cpu.ssp = cpu.ssp + 8 & U64

    return run


def rstorssp(ins: Instruction) -> Op:
    """Switch to the shadow stack whose restore token is at the address."""
    at = address(ins)

    def run(x: Context) -> None:
        _enabled(x)
        cpu, gla = x.cpu, _aligned(at(x), 8)
        token = shadow.load(x, gla)
        if token & 3 != _mode(x) or ((token & ~1) - 8) & ~7 != gla:
            raise GuestFault(CP, RSTORSSP)
        shadow.store(x, gla, cpu.ssp | _mode(x) | PREVIOUS)
        cpu.ssp = gla
        cpu.rflags = cpu.rflags & ~f.ARITHMETIC | (f.CF if token & 4 else 0)

    return run


def wrss(ins: Instruction) -> Op:
    """A store into one's own shadow stack, where IA32_U_CET or IA32_S_CET lets it."""
    at, get, size = address(ins), read_register(ins.op1_register), operand_size(ins, 1)

    def run(x: Context) -> None:
        _enabled(x)
        control = msrs.U_CET if x.cpu.cpl == USER else msrs.S_CET
        if not x.cpu.msrs[control] & WRITE_ENABLED:
            raise GuestFault(UD)
        shadow.store_part(x, _aligned(at(x), size), get(x), size)

    return run


def wruss(ins: Instruction) -> Op:
    """The kernel stores into a user shadow stack."""
    at, get, size = address(ins), read_register(ins.op1_register), operand_size(ins, 1)

    def run(x: Context) -> None:
        cpu = x.cpu
        if not cpu.cr4 & CR4_CET:
            raise GuestFault(UD)
        if cpu.cpl:
            raise GuestFault(GP, 0)
        gla, value = _aligned(at(x), size), get(x)
        cpu.cpl = USER
        try:
            shadow.store_part(x, gla, value, size)
        finally:
            cpu.cpl = 0

    return run


def setssbsy(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        _supervisor(x)
        gla = _aligned(x.cpu.msrs[msrs.PL0_SSP], 8)
        if shadow.load(x, gla) != gla:
            raise GuestFault(CP, SETSSBSY)
        shadow.store(x, gla, gla | BUSY)
        x.cpu.ssp = gla

    return run


def clrssbsy(ins: Instruction) -> Op:
    """CF says that there was no busy token."""
    at = address(ins)

    def run(x: Context) -> None:
        _supervisor(x)
        cpu, gla = x.cpu, _aligned(at(x), 8)
        right = shadow.load(x, gla) == gla | BUSY
        if right:
            shadow.store(x, gla, gla)
        cpu.rflags = cpu.rflags & ~f.ARITHMETIC | (0 if right else f.CF)
        cpu.ssp = 0

    return run


TABLE: dict[str, Build] = {
    **dict.fromkeys(("RDSSPD", "RDSSPQ"), rdssp),
    **dict.fromkeys(("INCSSPD", "INCSSPQ"), incssp),
    "SAVEPREVSSP": saveprevssp,
    "RSTORSSP": rstorssp,
    **dict.fromkeys(("WRSSD", "WRSSQ"), wrss),
    **dict.fromkeys(("WRUSSD", "WRUSSQ"), wruss),
    "SETSSBSY": setssbsy,
    "CLRSSBSY": clrssbsy,
}
