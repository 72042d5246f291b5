"""System instructions, fences and everything that leaves the guest.

What leaves raises Intercept before anything changed; the world decides what becomes of it.
"""

from tdxviz.core.faults import GuestFault, Intercept
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, Register, name
from tdxviz.core.guest.operands import address, read_register, reader, write_register
from tdxviz.core.guest.table import Build, Op

UD, GP = 6, 13
PE, PG, WP = 1, 1 << 31, 1 << 16
LME, LMA = 1 << 8, 1 << 10
CPL_USER = 3


def nothing(ins: Instruction) -> Op:
    """NOP, ENDBR64 without CET, fences, PAUSE: no visible effect here."""
    return lambda x: None


def undefined(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        raise GuestFault(UD)

    return run


def intercept(ins: Instruction) -> Op:
    what, length = INTERCEPTED[name(ins)], ins.len

    def run(x: Context) -> None:
        raise Intercept(what, length)

    return run


def _privileged(x: Context) -> None:
    if x.cpu.cpl == CPL_USER:
        raise GuestFault(GP, 0)


def mov_control(ins: Instruction) -> Op:
    """MOV to or from CR0, CR2, CR3, CR4."""
    control = {Register.CR0: "cr0", Register.CR2: "cr2", Register.CR3: "cr3", Register.CR4: "cr4"}
    if ins.op1_register in control:
        attribute, put = control[ins.op1_register], write_register(ins.op0_register)

        def read(x: Context) -> None:
            _privileged(x)
            put(x, getattr(x.cpu, attribute))

        return read
    if ins.op0_register not in control:
        return undefined(ins)
    attribute, get = control[ins.op0_register], read_register(ins.op1_register)

    def write(x: Context) -> None:
        _privileged(x)
        value = get(x)
        if attribute == "cr0":
            _write_cr0(x, value)
        else:
            setattr(x.cpu, attribute, value)
        if attribute != "cr2":
            x.flush_translations(None, f"MOV to {attribute.upper()}")

    return write


def _write_cr0(x: Context, value: int) -> None:
    if value & PG and not value & PE:
        raise GuestFault(GP, 0)
    cpu = x.cpu
    cpu.cr0 = value
    cpu.efer = cpu.efer | LMA if value & PG and cpu.efer & LME else cpu.efer & ~LMA


def _load_table(base: str, limit: str) -> Build:
    def build(ins: Instruction) -> Op:
        at = address(ins)

        def run(x: Context) -> None:
            _privileged(x)
            width = 8 if x.cpu.bits == 64 else 4
            raw = x.load(at(x), 2 + width)
            setattr(x.cpu, limit, raw & 0xFFFF)
            setattr(x.cpu, base, raw >> 16)

        return run

    return build


def invlpg(ins: Instruction) -> Op:
    at = address(ins)

    def run(x: Context) -> None:
        _privileged(x)
        x.flush_translations(at(x), "INVLPG")

    return run


def mov_segment(ins: Instruction) -> Op:
    """Loading DS, ES, SS, FS, GS: flat segments, so only SS is remembered."""
    get = reader(ins, 1, 2)
    stack = ins.op0_register == Register.SS

    def run(x: Context) -> None:
        value = get(x)
        if stack:
            x.cpu.ss = value

    return run


VMX = (
    "VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD", "VMRESUME", "VMWRITE", "VMXOFF", "VMXON",
    "INVEPT", "INVVPID", "VMFUNC",
)  # fmt: skip
INTERCEPTED = {
    **{
        what: what
        for what in (
            "CPUID", "HLT", "TDCALL", "SEAMCALL", "SEAMRET", "SEAMOPS", "VMCALL", "RDMSR", "WRMSR",
            "IN", "OUT", "INVD", "WBINVD", "MONITOR", "MWAIT", "RDPMC", *VMX,
        )
    },
    **{f"INS{s}": "INS" for s in "BWD"},
    **{f"OUTS{s}": "OUTS" for s in "BWD"},
    "WBNOINVD": "WBINVD",
}  # fmt: skip

TABLE: dict[str, Build] = {
    **dict.fromkeys(("NOP", "ENDBR64", "ENDBR32", "PAUSE", "LFENCE", "MFENCE", "SFENCE"), nothing),
    **dict.fromkeys(INTERCEPTED, intercept),
    "UD2": undefined,
    "LGDT": _load_table("gdt_base", "gdt_limit"),
    "LIDT": _load_table("idt_base", "idt_limit"),
    "INVLPG": invlpg,
}
