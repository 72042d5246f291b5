"""Jumps, calls, returns and loops. Each returns the next RIP when it jumps."""

from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Code, Instruction, OpKind, stack_width
from tdxviz.core.guest.operands import Read, mask, reader
from tdxviz.core.guest.ops_move import CONDITIONS
from tdxviz.core.guest.table import Build, Op
from tdxviz.core.hw.cpu import RCX, RSP
from tdxviz.core.units import U64

LOOP_RCX = {
    Code.LOOP_REL8_64_RCX, Code.LOOPE_REL8_64_RCX, Code.LOOPNE_REL8_64_RCX,
}  # fmt: skip
NEAR = {OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64}
FAR = {OpKind.FAR_BRANCH16, OpKind.FAR_BRANCH32}


def _jcc(code: int) -> Build:
    def build(ins: Instruction) -> Op:
        target = ins.near_branch_target

        def run(x: Context) -> int | None:
            return target if f.condition(code, x.cpu.rflags) else None

        return run

    return build


def jmp(ins: Instruction) -> Op:
    if ins.op_kind(0) in FAR:
        return _far_jump(ins)
    if ins.op_kind(0) in NEAR:
        target = ins.near_branch_target
        return lambda x: target
    return reader(ins, 0, stack_width(ins))


def _far_jump(ins: Instruction) -> Op:
    """Load CS from the GDT: the way from 32-bit protected mode into long mode."""
    selector = ins.far_branch_selector
    target = ins.far_branch32

    def run(x: Context) -> int:
        cpu = x.cpu
        descriptor = x.load(cpu.gdt_base + (selector & ~7), 8)
        long_segment = bool(descriptor >> 53 & 1) and bool(cpu.efer >> 10 & 1)
        cpu.cs, cpu.bits = selector, 64 if long_segment else 32
        x.new_mode()
        return target

    return run


def _always(value: int) -> Read:
    return lambda x: value


def call(ins: Instruction) -> Op:
    after, size = ins.next_ip, stack_width(ins)
    if ins.op_kind(0) in NEAR:
        fixed = ins.near_branch_target
        get = _always(fixed)
    else:
        get = reader(ins, 0, size)

    def run(x: Context) -> int:
        target = get(x)
        top = x.gprs[RSP] - size & U64
        x.store(top, size, after)
        x.gprs[RSP] = top
        return target

    return run


def ret(ins: Instruction) -> Op:
    extra, size = ins.immediate(0) if ins.op_count else 0, stack_width(ins)

    def run(x: Context) -> int:
        top = x.gprs[RSP]
        target = x.load(top, size)
        x.gprs[RSP] = top + size + extra & U64
        return target

    return run


def _loop(wanted: int) -> Build:
    """LOOP, LOOPE, LOOPNE: ``wanted`` is -1 for no condition, else the value of ZF."""

    def build(ins: Instruction) -> Op:
        target = ins.near_branch_target
        keep = U64 if ins.code in LOOP_RCX else mask(4)

        def run(x: Context) -> int | None:
            count = x.gprs[RCX] - 1 & keep
            x.gprs[RCX] = count
            zero = bool(x.cpu.rflags & f.ZF)
            return target if count and (wanted < 0 or zero == bool(wanted)) else None

        return run

    return build


def _jcxz(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        target, keep = ins.near_branch_target, mask(size)
        return lambda x: None if x.gprs[RCX] & keep else target

    return build


TABLE: dict[str, Build] = {
    "JMP": jmp,
    "CALL": call,
    "RET": ret,
    "LOOP": _loop(-1),
    "LOOPE": _loop(1),
    "LOOPNE": _loop(0),
    "JRCXZ": _jcxz(8),
    "JECXZ": _jcxz(4),
    "JCXZ": _jcxz(2),
    **{f"J{name}": _jcc(n) for n, name in enumerate(CONDITIONS)},
}
