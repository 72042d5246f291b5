"""System instructions, fences and everything that leaves the guest.

What leaves raises Intercept before anything changed; the world decides what becomes of it.
"""

from tdxviz.core.faults import GuestFault, Intercept
from tdxviz.core.guest import control_registers, segments
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, Register, name, register_place
from tdxviz.core.guest.operands import read_register, reader, write_register
from tdxviz.core.guest.ops_string import Places
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import RCX, RDX
from tdxviz.core.hw.walk import is_canonical

UD, SS_FAULT, GP = 6, 12, 13
SS = 2
OSXSAVE = 1 << 18
TASK_PRIORITY = 8
CPL_USER = 3


def nothing(ins: Instruction) -> Op:
    """NOP, ENDBR64 without CET, fences, PAUSE: no visible effect here."""
    return lambda x: None


def undefined(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        raise GuestFault(UD)

    return run


IO_MAP = 0x66
"""In a TSS: where in it the I/O permission bitmap begins, 2 bytes."""
PORT_SIZES = {"B": 1, "W": 2, "D": 4}
IN_, STRING, REPEATED, IMMEDIATE_PORT = 8, 16, 32, 64


def port_access(ins: Instruction) -> Op:
    """IN and OUT: the exit qualification says what the device would see."""
    what, length = INTERCEPTED[name(ins)], ins.len
    data, port = (0, 1) if what == "IN" else (1, 0)
    fixed = operand_size(ins, data) - 1 | (IN_ if what == "IN" else 0)
    immediate = ins.op_kind(port) != OpKind.REGISTER
    number = ins.immediate8 if immediate else 0

    size = operand_size(ins, data)

    def run(x: Context) -> None:
        place = number if immediate else x.gprs[RDX] & 0xFFFF
        allow_port(x, place, size)
        raise Intercept(what, length, fixed | (IMMEDIATE_PORT if immediate else 0) | place << 16)

    return run


def string_port_access(ins: Instruction) -> Op:
    """INS and OUTS: also where in memory. A repeated one whose count is 0 does nothing at all."""
    what, length, size = INTERCEPTED[name(ins)], ins.len, PORT_SIZES[name(ins)[-1]]
    places, repeated = Places(ins, size), ins.has_rep_prefix or ins.has_repne_prefix
    fixed = size - 1 | (IN_ if what == "INS" else 0) | STRING | (REPEATED if repeated else 0)
    segment = 0 if what == "INS" else ins.memory_segment - Register.ES
    information = places.width.bit_length() - 2 << 7 | segment << 15

    def run(x: Context) -> None:
        if repeated and not x.gprs[RCX] & places.keep:
            return
        allow_port(x, x.gprs[RDX] & 0xFFFF, size)
        at = places.to(x) if what == "INS" else places.from_(x)
        if x.cpu.bits == 64 and not is_canonical(at):
            raise GuestFault(SS_FAULT if segment == SS else GP, 0)
        port = (x.gprs[RDX] & 0xFFFF) << 16
        raise Intercept(what, length, fixed | port, linear=at, information=information)

    return run


def allow_port(x: Context, port: int, size: int) -> None:
    """Above the I/O privilege level the TSS's permission bitmap decides. Source: SDM volume 1, 19.5.2.

    Raises:
        GuestFault: #GP(0).
    """
    cpu, tr = x.cpu, x.cpu.tr
    if cpu.cpl <= cpu.rflags >> 12 & 3:
        return
    if not tr.usable or tr.limit < IO_MAP + 1:
        raise GuestFault(GP, 0)
    at = segments.system_load(x, tr.base + IO_MAP, 2) + port // 8
    if at + 1 > tr.limit:  # two bytes are always read
        raise GuestFault(GP, 0)
    if segments.system_load(x, tr.base + at, 2) >> port % 8 & (1 << size) - 1:
        raise GuestFault(GP, 0)


def intercept(ins: Instruction) -> Op:
    what, length = INTERCEPTED[name(ins)], ins.len
    privileged, kernels, seam = what in PRIVILEGED, what in KERNELS, what in SEAM

    def run(x: Context) -> None:
        if privileged or (seam and x.p.world != "legacy"):
            _privileged(x)
        if kernels and x.cpu.cpl:
            raise GuestFault(UD)
        raise Intercept(what, length)

    return run


def xsetbv(ins: Instruction) -> Op:
    """#UD without CR4.OSXSAVE, then #GP(0) above CPL 0, and only then a VM exit."""
    length = ins.len

    def run(x: Context) -> None:
        if not x.cpu.cr4 & OSXSAVE:
            raise GuestFault(UD)
        _privileged(x)
        raise Intercept("XSETBV", length)

    return run


def monitor(ins: Instruction) -> Op:
    """MONITOR and MWAIT: #UD above CPL 0, before anything leaves."""
    what, length = name(ins), ins.len

    def run(x: Context) -> None:
        if x.cpu.cpl:
            raise GuestFault(UD)
        raise Intercept(what, length)

    return run


def _privileged(x: Context) -> None:
    if x.cpu.cpl == CPL_USER:
        raise GuestFault(GP, 0)


CONTROL = {Register.CR0: 0, Register.CR2: 2, Register.CR3: 3, Register.CR4: 4, Register.CR8: 8}


def mov_control(ins: Instruction) -> Op:
    """MOV to or from CR0, CR2, CR3, CR4, CR8."""
    if ins.op1_register in CONTROL:
        attribute, put = f"cr{CONTROL[ins.op1_register]}", write_register(ins.op0_register)

        def read(x: Context) -> None:
            _privileged(x)
            put(x, getattr(x.cpu, attribute))

        return read
    if ins.op0_register not in CONTROL:
        return undefined(ins)
    number, get = CONTROL[ins.op0_register], read_register(ins.op1_register)
    length, after, gpr = ins.len, ins.next_ip, register_place(ins.op1_register)[0]

    def write(x: Context) -> None:
        _privileged(x)
        control_registers.write(x, number, get(x), length, gpr)
        if number == TASK_PRIORITY:
            control_registers.after_priority_change(x, after)

    return write


def lmsw(ins: Instruction) -> Op:
    get, length = reader(ins, 0, 2), ins.len

    def run(x: Context) -> None:
        _privileged(x)
        control_registers.lmsw(x, get(x), length)

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
            "IN", "OUT", "INVD", "WBINVD", "MONITOR", "MWAIT", "RDPMC", "XSETBV", "PCONFIG", "GETSEC",
            "RSM", "ENCLS", "ENCLV", "ENQCMD", "ENQCMDS", *VMX,
        )
    },
    **{f"INS{s}": "INS" for s in "BWD"},
    **{f"OUTS{s}": "OUTS" for s in "BWD"},
    "WBNOINVD": "WBINVD",
}  # fmt: skip

PRIVILEGED = {"HLT", "INVD", "WBINVD", "RDMSR", "WRMSR", "PCONFIG"}
"""#GP(0) at CPL 3, before anything else is looked at."""

KERNELS = {"MONITOR", "MWAIT"}
"""#UD outside CPL 0."""
SEAM = {"TDCALL", "SEAMCALL"}
"""Privileged on processors that know them. As the text of KVM's handler for them says; Intel's own document for them was
not at hand."""

STRING_PORT_ACCESSES = ("INSB", "INSW", "INSD", "OUTSB", "OUTSW", "OUTSD")

TABLE: dict[str, Build] = {
    **dict.fromkeys(("NOP", "ENDBR64", "ENDBR32", "PAUSE", "LFENCE", "MFENCE", "SFENCE"), nothing),
    **dict.fromkeys(INTERCEPTED, intercept),
    **dict.fromkeys(("IN", "OUT"), port_access),
    **dict.fromkeys(STRING_PORT_ACCESSES, string_port_access),
    "XSETBV": xsetbv,
    "MONITOR": monitor,
    "MWAIT": monitor,
    "UD2": undefined,
    "LMSW": lmsw,
}
