"""Descriptors in the guest's GDT and LDT, and loading segment registers from them.

Source: Intel SDM volume 3, chapters 3 and 5; volume 2, MOV, LTR, LLDT.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tdxviz.core.arch.registers import CS, ES, FS, GS, SS
from tdxviz.core.faults import GuestFault
from tdxviz.core.guest.context import Context
from tdxviz.core.hw.cpu import NULL_SEGMENT, Segment
from tdxviz.core.hw.path import AC

TS, NP, STACK, GP = 10, 11, 12, 13
PRESENT, CODE_OR_DATA = 1 << 7, 1 << 4
CODE, WRITABLE, CONFORMING = 8, 2, 4
TSS_AVAILABLE, TSS_BUSY, LDT = 9, 11, 2
GRANULARITY = 1 << 15
FLAT_LIMIT = 0xFFFF_FFFF


@contextmanager
def _as_supervisor(x: Context) -> Iterator[None]:
    """An implicit access: RFLAGS.AC opens no user page to it, and no data breakpoint looks at it."""
    cpu, armed = x.cpu, x.armed
    cpl, flags = cpu.cpl, cpu.rflags
    cpu.cpl, cpu.rflags, x.armed = 0, flags & ~AC, False
    try:
        yield
    finally:
        cpu.cpl, cpu.rflags, x.armed = cpl, flags, armed


def system_load(x: Context, gla: int, size: int) -> int:
    """The processor reads one of its own tables: a supervisor access, whatever CPL is."""
    with _as_supervisor(x):
        return x.load(gla, size)


def system_store(x: Context, gla: int, size: int, value: int) -> None:
    with _as_supervisor(x):
        x.store(gla, size, value)


def parse(selector: int, low: int, high: int = 0) -> Segment:
    """A descriptor's 8 bytes (and the upper half of a 16-byte one) as a segment register."""
    limit = low & 0xFFFF | low >> 32 & 0xF_0000
    attributes = low >> 40 & 0xF0FF
    if attributes & GRANULARITY:
        limit = limit << 12 | 0xFFF
    base = low >> 16 & 0xFF_FFFF | low >> 32 & 0xFF00_0000 | (high & 0xFFFF_FFFF) << 32
    return Segment(selector, base, limit, attributes)


def place(x: Context, selector: int, size: int, vector: int, ext: int = 0) -> int:
    """Linear address of a selector's descriptor. Raises ``vector`` when it lies outside its table."""
    cpu = x.cpu
    base, limit = (cpu.ldtr.base, cpu.ldtr.limit) if selector & 4 else (cpu.gdt_base, cpu.gdt_limit)
    if (selector & 4 and not cpu.ldtr.usable) or (selector & ~7) + size - 1 > limit:
        raise GuestFault(vector, selector & ~3 | ext)
    return base + (selector & ~7)


def read(x: Context, selector: int, vector: int = GP, ext: int = 0) -> Segment:
    """The 8-byte descriptor that a selector names."""
    return parse(selector, system_load(x, place(x, selector, 8, vector, ext), 8))


def system_segment(x: Context, selector: int, kinds: tuple[int, ...], vector: int = GP) -> Segment:
    """A TSS or LDT descriptor from the GDT: 16 bytes in long mode, 8 else."""
    size = 16 if x.cpu.long_mode else 8
    if selector & 4:
        raise GuestFault(vector, selector & ~3)
    raw = system_load(x, place(x, selector, size, vector), size)
    found = parse(selector, raw & (1 << 64) - 1, raw >> 64)
    if found.attributes & CODE_OR_DATA or found.attributes & 0xF not in kinds:
        raise GuestFault(vector, selector & ~3)
    if not found.attributes & PRESENT:
        raise GuestFault(NP, selector & ~3)
    return found


def is_code(segment: Segment) -> bool:
    return segment.attributes & (CODE_OR_DATA | CODE) == CODE_OR_DATA | CODE


def check_code(x: Context, target: Segment, cpl: int, ext: int = 0) -> None:
    """A code segment that may be entered at ``cpl`` by a far transfer without a gate."""
    error = target.selector & ~3 | ext
    if not is_code(target) or (x.cpu.long_mode and target.long and target.attributes >> 14 & 1):
        raise GuestFault(GP, error)
    conforming = bool(target.attributes & CONFORMING)
    if target.dpl > cpl or (not conforming and target.dpl != cpl):
        raise GuestFault(GP, error)
    if not target.attributes & PRESENT:
        raise GuestFault(NP, error)


def load(x: Context, register: int, selector: int) -> None:
    """MOV or POP to a segment register other than CS."""
    x.cpu.segments[register] = checked(x, register, selector & 0xFFFF)


def checked(x: Context, register: int, selector: int) -> Segment:
    """What a segment register would hold. Raises #GP, #SS or #NP."""
    cpu, rpl = x.cpu, selector & 3
    if selector & ~3 == 0:
        if register != SS:
            return _null(x, register, selector)
        if cpu.bits == 64 and cpu.cpl < 3 and rpl == cpu.cpl:
            return NULL_SEGMENT._replace(selector=selector, attributes=0x1_0000 | rpl << 5)
        raise GuestFault(GP, 0)
    found = read(x, selector)
    kind, data = found.attributes & 0xF, not found.attributes & CODE
    if not found.attributes & CODE_OR_DATA:
        raise GuestFault(GP, selector & ~3)
    if register == SS:
        if rpl != cpu.cpl or found.dpl != cpu.cpl or not data or not kind & WRITABLE:
            raise GuestFault(GP, selector & ~3)
    else:
        readable = data or bool(kind & WRITABLE)  # the bit means "readable" in a code segment
        free = not data and kind & CONFORMING
        if not readable or (not free and (rpl > found.dpl or cpu.cpl > found.dpl)):
            raise GuestFault(GP, selector & ~3)
    if not found.attributes & PRESENT:
        raise GuestFault(STACK if register == SS else NP, selector & ~3)
    return found


def _null(x: Context, register: int, selector: int) -> Segment:
    """A null selector makes a data segment unusable; FS and GS keep their bases in long mode."""
    base = x.cpu.segments[register].base if register in (FS, GS) and x.cpu.long_mode else 0
    return NULL_SEGMENT._replace(selector=selector, base=base)


def enter_code(x: Context, target: Segment, cpl: int) -> None:
    """Make CS ``target`` at privilege ``cpl``: decoding mode and privilege follow."""
    cpu = x.cpu
    cpu.segments[CS] = target._replace(selector=target.selector & ~3 | cpl)
    cpu.bits, cpu.cpl = 64 if cpu.long_mode and target.long else 32, cpl
    cpu.refresh_cet()
    x.new_mode()


def drop_for_user(x: Context) -> None:
    """A return to less privilege clears data segments that the new CPL may not use."""
    cpu = x.cpu
    for register in (ES, 3, FS, GS):
        segment = cpu.segments[register]
        free = is_code(segment) and segment.attributes & CONFORMING
        if segment.usable and segment.dpl < cpu.cpl and not free:
            cpu.segments[register] = NULL_SEGMENT
