"""MOV to control registers, LMSW, CLTS: the processor's own rules, and the bits that the TDX module keeps.

Source: Intel SDM volume 3, 2.5 and 5.1; tdx-architecture 10.3.
"""

from tdxviz.core.arch import instructions as rules
from tdxviz.core.faults import Boundary, GuestFault, Intercept
from tdxviz.core.guest.context import Context

GP = 13
PE, MP, EM, TS, NE, WP, NW, CD, PG = (1 << n for n in (0, 1, 2, 3, 5, 16, 29, 30, 31))
PAE, PCIDE, CET = 1 << 5, 1 << 17, 1 << 23
LME, LMA = 1 << 8, 1 << 10
LMSW = MP | EM | TS
MOV_TO, BY_LMSW = 0, 3
U64 = (1 << 64) - 1
CR3_RESERVED = 0x7FF0_0000_0000_0000
NO_FLUSH = 1 << 63


def write(x: Context, number: int, value: int, length: int, gpr: int = 0) -> None:
    """MOV to CR ``number``; ``gpr`` is the source register, for the exit qualification.

    Raises:
        GuestFault: #GP(0) where no processor takes the value.
        Intercept: a TD changes a bit that the module owns.
    """
    cpu = x.cpu
    if number == 0:
        _cr0(x, value, length, number | MOV_TO << 4 | gpr << 8)
    elif number == 2:
        cpu.cr2 = value
    elif number == 3:
        if value & CR3_RESERVED or (value & NO_FLUSH and not cpu.cr4 & PCIDE):
            raise GuestFault(GP, 0)
        cpu.cr3 = value & ~NO_FLUSH
        # translations carry no PCID here: the flush that bit 63 waives is made anyway, as it may be
        x.flush_translations(None, "MOV to CR3")
    elif number == 4:
        _cr4(x, value, length, number | MOV_TO << 4 | gpr << 8)
    elif number == 8:
        if value > 0xF:
            raise GuestFault(GP, 0)
        cpu.cr8 = value
    else:
        raise AssertionError(f"there is no CR{number}")


def lmsw(x: Context, value: int, length: int) -> None:
    """Writes CR0[3:0]; PE can be set, never cleared."""
    cr0 = x.cpu.cr0
    _cr0(x, cr0 & ~LMSW | value & (LMSW | PE), length, BY_LMSW << 4 | (value & 0xFFFF) << 16)


def _cr0(x: Context, value: int, length: int, qualification: int) -> None:
    cpu = x.cpu
    illegal = (
        value >> 32
        or (value & PG and not value & PE)
        or (value & NW and not value & CD)
        or (cpu.cr4 & CET and not value & WP)
        or (value & PG and not cpu.cr0 & PG and cpu.efer & LME and not cpu.cr4 & PAE)
        or (not value & PG and cpu.cr0 & PG and (cpu.bits == 64 or cpu.cr4 & PCIDE))
    )
    if illegal:
        raise GuestFault(GP, 0)
    value &= ~rules.CR0_IGNORED
    if (value ^ cpu.cr0) & x.ctx.owned_cr0:
        raise Intercept("LMSW" if qualification >> 4 & 3 == BY_LMSW else "MOV_CR", length, qualification)
    changed = value ^ cpu.cr0
    cpu.cr0 = value
    cpu.efer = cpu.efer | LMA if value & PG and cpu.efer & LME else cpu.efer & ~LMA
    if changed & (PG | WP):
        x.flush_translations(None, "MOV to CR0")


def _cr4(x: Context, value: int, length: int, qualification: int) -> None:
    cpu = x.cpu
    illegal = (
        value & ~rules.CR4_KNOWN & U64
        or value & x.ctx.barred_cr4
        or (cpu.efer & LMA and not value & PAE)
        or (value & CET and not cpu.cr0 & WP)
        or (value & PCIDE and not cpu.cr4 & PCIDE and (not cpu.efer & LMA or cpu.cr3 & 0xFFF))
    )
    if illegal:
        raise GuestFault(GP, 0)
    if (value ^ cpu.cr4) & x.ctx.owned_cr4:
        raise Intercept("MOV_CR", length, qualification)
    cpu.cr4 = value
    cpu.refresh_cet()
    x.flush_translations(None, "MOV to CR4")


def after_priority_change(x: Context, after: int) -> None:
    """A lower task priority may let an interrupt in. Raises Boundary."""
    if x.cpu.irr:
        x.cpu.rip = after
        raise Boundary
