"""Debug registers, XCR0, and the small instructions that read or change machine state.

Source: Intel SDM volume 2; volume 3, chapters 2 and 17; tdx-architecture 10.1.
"""

from tdxviz.core.arch import msrs
from tdxviz.core.faults import Boundary, GuestFault
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, Register, name
from tdxviz.core.guest.operands import address, mask, read_register, write_register, writer
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import FS, GS, RAX, RCX, RDX, CpuState
from tdxviz.core.hw.path import AC, SMAP
from tdxviz.core.hw.walk import is_canonical

DB, UD, GP = 1, 6, 13
TS = 1 << 3
TSD, DE, UMIP = 1 << 2, 1 << 3, 1 << 11
FSGSBASE, PCIDE, OSXSAVE = 1 << 16, 1 << 17, 1 << 18
GD, BD = 1 << 13, 1 << 13
"""DR7: protect the debug registers; DR6: that is why."""
BREAKPOINTS = 0xFF
FLAGS_OF_RDRAND = 0x8D5


def privileged(x: Context) -> None:
    """Raises #GP(0) outside CPL 0."""
    if x.cpu.cpl:
        raise GuestFault(GP, 0)


def mov_debug(ins: Instruction) -> Op:
    """MOV to or from DR0 to DR7; DR4 and DR5 are DR6 and DR7 unless CR4.DE is set."""
    debug = range(Register.DR0, Register.DR0 + 8)
    reads, after = ins.op1_register in debug, ins.next_ip
    number = (ins.op1_register if reads else ins.op0_register) - Register.DR0
    get, put = (None, write_register(ins.op0_register)) if reads else (read_register(ins.op1_register), None)

    def run(x: Context) -> None:
        cpu, place = x.cpu, number
        if place in (4, 5):
            if cpu.cr4 & DE:
                raise GuestFault(UD)
            place += 2
        privileged(x)
        if cpu.dr7 & GD:
            cpu.dr6 |= BD
            raise GuestFault(DB)
        if put is not None:
            put(x, cpu.dr[place] if place < 4 else cpu.dr6 if place == 6 else cpu.dr7)
        elif get is not None:
            _write_debug(cpu, place, get(x))
            if cpu.dr7 & BREAKPOINTS:
                cpu.rip = after
                raise Boundary

    return run


def _write_debug(cpu: CpuState, number: int, value: int) -> None:
    if number < 4:
        cpu.dr[number] = value
        return
    if value >> 32:
        raise GuestFault(GP, 0)
    if number == 6:
        cpu.dr6 = value & 0xE00F | 0xFFFF_0FF0
    else:
        cpu.dr7 = value & 0xFFFF_23FF | 0x400


def access_control(ins: Instruction) -> Op:
    """STAC and CLAC: the kernel may, or may not, use user pages while CR4.SMAP is set."""
    on = name(ins) == "STAC"

    def run(x: Context) -> None:
        cpu = x.cpu
        if cpu.cpl:
            raise GuestFault(UD)
        cpu.rflags = cpu.rflags | AC if on else cpu.rflags & ~AC
        if cpu.cr4 & SMAP:
            x.forget()

    return run


def clts(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        privileged(x)
        x.cpu.cr0 &= ~TS

    return run


def smsw(ins: Instruction) -> Op:
    put, size = writer(ins, 0, operand_size(ins)), operand_size(ins)

    def run(x: Context) -> None:
        _not_user(x)
        put(x, x.cpu.cr0 & mask(size))

    return run


def _not_user(x: Context) -> None:
    """SGDT and its like tell user code where tables lie, unless CR4.UMIP is set."""
    if x.cpu.cr4 & UMIP and x.cpu.cpl:
        raise GuestFault(GP, 0)


def _load_table(base: str, limit: str) -> Build:
    def build(ins: Instruction) -> Op:
        at = address(ins)

        def run(x: Context) -> None:
            privileged(x)
            raw = x.load(at(x), 2 + x.cpu.bits // 8)
            if not is_canonical(raw >> 16):
                raise GuestFault(GP, 0)
            setattr(x.cpu, limit, raw & 0xFFFF)
            setattr(x.cpu, base, raw >> 16)

        return run

    return build


def _store_table(base: str, limit: str) -> Build:
    def build(ins: Instruction) -> Op:
        at = address(ins)

        def run(x: Context) -> None:
            _not_user(x)
            width = x.cpu.bits // 8
            value = getattr(x.cpu, limit) | (getattr(x.cpu, base) & mask(width)) << 16
            x.store(at(x), 2 + width, value)

        return run

    return build


def _store_selector(attribute: str) -> Build:
    """STR and SLDT."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins) if ins.op_kind(0) == OpKind.REGISTER else 2
        put = writer(ins, 0, size)

        def run(x: Context) -> None:
            _not_user(x)
            put(x, getattr(x.cpu, attribute).selector)

        return run

    return build


def invlpg(ins: Instruction) -> Op:
    at = address(ins)

    def run(x: Context) -> None:
        privileged(x)
        x.flush_translations(at(x), "INVLPG")

    return run


def invpcid(ins: Instruction) -> Op:
    """Translations are not tagged with PCIDs here, so types 1 to 3 drop all of this vCPU."""
    at, kind_of = address(ins), read_register(ins.op0_register)

    def run(x: Context) -> None:
        privileged(x)
        descriptor, kind = x.load(at(x), 16), kind_of(x)
        pcid, gla = descriptor & mask(8), descriptor >> 64
        wrong = (
            kind > 3
            or pcid >> 12
            or (kind < 2 and pcid and not x.cpu.cr4 & PCIDE)
            or (kind == 0 and not is_canonical(gla))
        )
        if wrong:
            raise GuestFault(GP, 0)
        x.flush_translations(gla if kind == 0 else None, "INVPCID")

    return run


def xgetbv(ins: Instruction) -> Op:
    """ECX 0 is XCR0; 1 is what of it is in use, which is all of it here."""

    def run(x: Context) -> None:
        if not x.cpu.cr4 & OSXSAVE:
            raise GuestFault(UD)
        if x.gprs[RCX] & mask(4) > 1:
            raise GuestFault(GP, 0)
        x.gprs[RAX], x.gprs[RDX] = x.cpu.xcr0 & mask(4), x.cpu.xcr0 >> 32

    return run


def rdtsc(ins: Instruction) -> Op:
    """The time stamp counts the instructions that guests have executed; there is no other clock. A TD sees
    it scaled and moved, as TDH.MNG.INIT has laid down."""

    def run(x: Context) -> None:
        if x.cpu.cr4 & TSD and x.cpu.cpl:
            raise GuestFault(GP, 0)
        now = x.time()
        x.gprs[RAX], x.gprs[RDX] = now & mask(4), now >> 32 & mask(4)

    return run


def rdtscp(ins: Instruction) -> Op:
    stamp = rdtsc(ins)

    def run(x: Context) -> None:
        stamp(x)
        x.gprs[RCX] = x.cpu.msrs[msrs.TSC_AUX] & mask(4)

    return run


def rdpid(ins: Instruction) -> Op:
    put = write_register(ins.op0_register)
    return lambda x: put(x, x.cpu.msrs[msrs.TSC_AUX] & mask(4))


def rdrand(ins: Instruction) -> Op:
    """RDRAND and RDSEED, always successful, from the machine's own generator."""
    size = operand_size(ins)
    put = write_register(ins.op0_register)

    def run(x: Context) -> None:
        put(x, int.from_bytes(x.p.drbg.draw(size, "RDRAND"), "little"))
        x.cpu.rflags = x.cpu.rflags & ~FLAGS_OF_RDRAND | 1

    return run


def _base(segment: int, *, write: bool) -> Build:
    """RDFSBASE and its like."""

    def build(ins: Instruction) -> Op:
        get, put = read_register(ins.op0_register), write_register(ins.op0_register)
        keep = mask(operand_size(ins))

        def run(x: Context) -> None:
            segments = x.cpu.segments
            if not x.cpu.cr4 & FSGSBASE:
                raise GuestFault(UD)
            if not write:
                put(x, segments[segment].base & keep)
                return
            value = get(x)
            if not is_canonical(value):
                raise GuestFault(GP, 0)
            segments[segment] = segments[segment]._replace(base=value)

        return run

    return build


def swapgs(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        privileged(x)
        cpu = x.cpu
        old = cpu.segments[GS]
        cpu.segments[GS] = old._replace(base=cpu.msrs[msrs.KERNEL_GS_BASE])
        cpu.msrs[msrs.KERNEL_GS_BASE] = old.base

    return run


TABLE: dict[str, Build] = {
    "CLTS": clts,
    "STAC": access_control,
    "CLAC": access_control,
    "SMSW": smsw,
    "LGDT": _load_table("gdt_base", "gdt_limit"),
    "LIDT": _load_table("idt_base", "idt_limit"),
    "SGDT": _store_table("gdt_base", "gdt_limit"),
    "SIDT": _store_table("idt_base", "idt_limit"),
    "STR": _store_selector("tr"),
    "SLDT": _store_selector("ldtr"),
    "INVLPG": invlpg,
    "INVPCID": invpcid,
    "XGETBV": xgetbv,
    "RDTSC": rdtsc,
    "RDTSCP": rdtscp,
    "RDPID": rdpid,
    "RDRAND": rdrand,
    "RDSEED": rdrand,
    "SWAPGS": swapgs,
    "RDFSBASE": _base(FS, write=False),
    "RDGSBASE": _base(GS, write=False),
    "WRFSBASE": _base(FS, write=True),
    "WRGSBASE": _base(GS, write=True),
}
