"""System instructions, fences and everything that leaves the guest.

What leaves raises Intercept before anything changed; the world decides what becomes of it.
"""

from tdxviz.core.faults import GuestFault, Intercept
from tdxviz.core.guest import control_registers
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, Register, name, register_place
from tdxviz.core.guest.operands import read_register, reader, write_register
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import RDX

UD, GP = 6, 13
TASK_PRIORITY = 8
CPL_USER = 3


def nothing(ins: Instruction) -> Op:
    """NOP, ENDBR64 without CET, fences, PAUSE: no visible effect here."""
    return lambda x: None


def undefined(ins: Instruction) -> Op:
    def run(x: Context) -> None:
        raise GuestFault(UD)

    return run


PORT_SIZES = {"B": 1, "W": 2, "D": 4}
IN_, STRING, REPEATED, IMMEDIATE_PORT = 8, 16, 32, 64


def port_access(ins: Instruction) -> Op:
    """IN, OUT and their string forms: the exit qualification says what the device would see."""
    what, length = INTERCEPTED[name(ins)], ins.len
    string = what in ("INS", "OUTS")
    data, port = (0, 1) if what == "IN" else (1, 0)
    size = PORT_SIZES[name(ins)[-1]] if string else operand_size(ins, data)
    fixed = size - 1 | (IN_ if what in ("IN", "INS") else 0) | (STRING if string else 0)
    fixed |= REPEATED if string and (ins.has_rep_prefix or ins.has_repne_prefix) else 0
    immediate = not string and ins.op_kind(port) != OpKind.REGISTER
    number = ins.immediate8 if immediate else 0

    def run(x: Context) -> None:
        at = fixed | IMMEDIATE_PORT | number << 16 if immediate else fixed | (x.gprs[RDX] & 0xFFFF) << 16
        raise Intercept(what, length, at)

    return run


def intercept(ins: Instruction) -> Op:
    what, length = INTERCEPTED[name(ins)], ins.len
    privileged = what in PRIVILEGED

    def run(x: Context) -> None:
        if privileged:
            _privileged(x)
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

PRIVILEGED = {"HLT", "INVD", "WBINVD", "RDMSR", "WRMSR", "XSETBV", "PCONFIG"}
"""#GP(0) at CPL 3, before anything else is looked at."""

PORT_ACCESSES = ("IN", "OUT", "INSB", "INSW", "INSD", "OUTSB", "OUTSW", "OUTSD")

TABLE: dict[str, Build] = {
    **dict.fromkeys(("NOP", "ENDBR64", "ENDBR32", "PAUSE", "LFENCE", "MFENCE", "SFENCE"), nothing),
    **dict.fromkeys(INTERCEPTED, intercept),
    **dict.fromkeys(PORT_ACCESSES, port_access),
    "UD2": undefined,
    "LMSW": lmsw,
}
