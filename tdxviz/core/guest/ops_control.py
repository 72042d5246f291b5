"""Jumps, calls, returns and loops. Each returns the next RIP when it jumps."""

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import flags as f
from tdxviz.core.guest import shadow
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Code, Instruction, OpKind, Register, stack_width
from tdxviz.core.guest.operands import Read, mask, reader
from tdxviz.core.guest.ops_move import CONDITIONS
from tdxviz.core.guest.table import Build, Op
from tdxviz.core.hw.cpu import RCX, RSP, SHADOW_STACK
from tdxviz.core.hw.walk import is_canonical
from tdxviz.core.units import U64

GP = 13
LOOP_RCX = {
    Code.LOOP_REL8_64_RCX, Code.LOOPE_REL8_64_RCX, Code.LOOPNE_REL8_64_RCX,
}  # fmt: skip
NEAR = {OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64}


def checked(target: int) -> int:
    """#GP(0) at the branch if its target is no address; RIP and RSP stay."""
    if not is_canonical(target):
        raise GuestFault(GP, 0)
    return target


def _jcc(code: int) -> Build:
    def build(ins: Instruction) -> Op:
        target = ins.near_branch_target
        if not is_canonical(target):
            return lambda x: checked(target) if f.condition(code, x.cpu.rflags) else None

        def run(x: Context) -> int | None:
            return target if f.condition(code, x.cpu.rflags) else None

        return run

    return build


def jmp(ins: Instruction) -> Op:
    if ins.op_kind(0) in NEAR:
        target = ins.near_branch_target
        return (lambda x: target) if is_canonical(target) else lambda x: checked(target)
    get, notrack = reader(ins, 0, stack_width(ins)), ins.segment_prefix == Register.DS
    here = ins.ip

    def run(x: Context) -> int:
        there = checked(get(x))
        x.steered(here, there)
        if x.cpu.cet:
            shadow.track(x, there, notrack=notrack)
        return there

    return run


def _always(value: int) -> Read:
    return lambda x: value


def call(ins: Instruction) -> Op:
    here, after, size = ins.ip, ins.next_ip, stack_width(ins)
    indirect, wrap = ins.op_kind(0) not in NEAR, mask(size)
    notrack = ins.segment_prefix == Register.DS
    get = reader(ins, 0, size) if indirect else _always(ins.near_branch_target)
    shadowed = indirect or ins.near_branch_target != after  # CALL to the next instruction only reads RIP

    def run(x: Context) -> int:
        target = checked(get(x))
        top = x.gprs[RSP] - size & wrap
        if x.cpu.cet & SHADOW_STACK and shadowed:
            x.probe(top, size)
            shadow.push(x, after)
        x.store(top, size, after)
        x.gprs[RSP] = top
        if shadowed:
            x.calls.append((after, x.who))
        if indirect:
            x.steered(here, target)
            if x.cpu.cet:
                shadow.track(x, target, notrack=notrack)
        return target

    return run


def ret(ins: Instruction) -> Op:
    extra, size = ins.immediate(0) if ins.op_count else 0, stack_width(ins)
    wrap, here = mask(size), ins.ip

    def run(x: Context) -> int:
        top = x.gprs[RSP]
        target = checked(x.load(top, size))
        if x.cpu.cet & SHADOW_STACK:
            shadow.check_return(x, target)
        x.gprs[RSP] = top + size + extra & wrap
        if x.calls:
            x.returned(here, target)
        return target

    return run


def _loop(wanted: int) -> Build:
    """LOOP, LOOPE, LOOPNE: ``wanted`` is -1 for no condition, else the value of ZF."""

    def build(ins: Instruction) -> Op:
        target = ins.near_branch_target
        keep = U64 if ins.code in LOOP_RCX else mask(4)

        def run(x: Context) -> int | None:
            count = x.gprs[RCX] - 1 & keep
            zero = bool(x.cpu.rflags & f.ZF)
            taken = count and (wanted < 0 or zero == bool(wanted))
            there = checked(target) if taken else None
            x.gprs[RCX] = count
            return there

        return run

    return build


def _jcxz(size: int) -> Build:
    def build(ins: Instruction) -> Op:
        target, keep = ins.near_branch_target, mask(size)
        return lambda x: None if x.gprs[RCX] & keep else checked(target)

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
