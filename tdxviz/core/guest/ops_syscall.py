"""SYSCALL and SYSRET: between user code and its kernel. Source: Intel SDM volume 2."""

from tdxviz.core.arch import msrs
from tdxviz.core.arch.registers import CS, SS
from tdxviz.core.faults import Boundary, GuestFault
from tdxviz.core.guest import aligned, shadow
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, name
from tdxviz.core.guest.table import Build, Op
from tdxviz.core.hw.cpu import R11, RCX, SHADOW_STACK, USER, Segment
from tdxviz.core.hw.walk import is_canonical

UD, GP = 6, 13
SCE = 1
TF, RF = 1 << 8, 1 << 16
RESTORED = 0x3C_7FD7
CODE_64, CODE_32, DATA = 0xA09B, 0xC09B, 0xC093
DPL_3 = 3 << 5


def _allowed(x: Context) -> None:
    if not x.cpu.efer & SCE or not x.cpu.long_mode:
        raise GuestFault(UD)


def _flat(x: Context, code: int, stack: int, attributes: int, cpl: int) -> None:
    """CS and SS as SYSCALL and SYSRET set them, without looking at the GDT."""
    dpl = DPL_3 if cpl == USER else 0
    cpu = x.cpu
    cpu.segments[CS] = Segment(code, attributes=attributes | dpl)
    cpu.segments[SS] = Segment(stack, attributes=DATA | dpl)
    cpu.cpl, cpu.bits = cpl, 64 if attributes == CODE_64 else 32
    cpu.refresh_cet()
    x.new_mode()


def syscall(ins: Instruction) -> Op:
    after = ins.next_ip

    def run(x: Context) -> int:
        _allowed(x)
        cpu = x.cpu
        if cpu.bits != 64:
            raise GuestFault(UD)  # 32-bit code uses SYSENTER on this processor
        x.gprs[RCX], x.gprs[R11] = after, cpu.rflags & ~RF
        target, selector = cpu.msrs[msrs.LSTAR], cpu.msrs[msrs.STAR] >> 32 & 0xFFFC
        if cpu.cet & SHADOW_STACK and cpu.cpl == USER:
            cpu.msrs[msrs.PL3_SSP] = cpu.ssp
        cpu.rflags = cpu.rflags & ~(cpu.msrs[msrs.FMASK] | RF) | 2
        _flat(x, selector, selector + 8, CODE_64, 0)
        if cpu.cet & SHADOW_STACK:
            cpu.ssp = 0
        shadow.expect_endbranch(cpu)
        return _looked_at(x, target)

    return run


def sysret(ins: Instruction) -> Op:
    wide = name(ins) == "SYSRETQ"

    def run(x: Context) -> int:
        _allowed(x)
        cpu = x.cpu
        if cpu.bits != 64:
            raise GuestFault(UD)
        target = x.gprs[RCX] if wide else x.gprs[RCX] & 0xFFFF_FFFF
        if cpu.cpl or not is_canonical(target):
            raise GuestFault(GP, 0)
        star = cpu.msrs[msrs.STAR] >> 48
        cpu.rflags = x.gprs[R11] & RESTORED | 2
        _flat(x, star + (16 if wide else 0) | 3, star + 8 | 3, CODE_64 if wide else CODE_32, USER)
        if cpu.cet & SHADOW_STACK:
            cpu.ssp = cpu.msrs[msrs.PL3_SSP]
        return _looked_at(x, target)

    return run


def _looked_at(x: Context, target: int) -> int:
    """The step loop looks between the instructions if a trap, an interrupt or ENDBR64 may be due."""
    cpu = x.cpu
    if cpu.irr or cpu.rflags & TF or aligned.wanted(cpu) or (cpu.cet and shadow.waiting(cpu)):
        cpu.rip = target
        raise Boundary
    return target


TABLE: dict[str, Build] = {"SYSCALL": syscall, "SYSRET": sysret, "SYSRETQ": sysret}
