"""Segment registers and far transfers. Source: Intel SDM volume 2: MOV, POP, JMP, CALL, RET, LLDT.

Call gates and task gates are not modelled: a far transfer to one is #GP with its selector.
"""

from collections.abc import Callable

from tdxviz.core.arch.registers import CS, RSP, SS
from tdxviz.core.faults import Boundary, GuestFault
from tdxviz.core.guest import segments, shadow
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, Register, stack_width
from tdxviz.core.guest.operands import address, mask, reader, writer
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import NULL_SEGMENT, SHADOW_STACK, Segment
from tdxviz.core.hw.walk import is_canonical
from tdxviz.core.units import U64

UD, GP = 6, 13
FAR = {OpKind.FAR_BRANCH16: 2, OpKind.FAR_BRANCH32: 4}


def _load(x: Context, register: int, selector: int, after: int) -> None:
    """Into a segment register other than CS. Interrupts wait for one more instruction after SS."""
    segments.load(x, register, selector)
    if x.cpu.bits != 64:
        x.new_mode()  # translated code knows only segments that begin at 0
    if register == SS:
        x.cpu.quiet_at = x.cpu.rip = after
        raise Boundary


def to_segment(ins: Instruction) -> Op:
    """MOV to a segment register; MOV CS is #UD."""
    register, get, after = ins.op0_register - Register.ES, reader(ins, 1, 2), ins.next_ip
    if register == CS:

        def refuse(x: Context) -> None:
            raise GuestFault(UD)

        return refuse
    return lambda x: _load(x, register, get(x), after)


def from_segment(ins: Instruction) -> Op:
    """MOV from a segment register: its selector, zero-extended into a register."""
    number = ins.op1_register - Register.ES
    put = writer(ins, 0, operand_size(ins) if ins.op_kind(0) == OpKind.REGISTER else 2)
    return lambda x: put(x, x.cpu.segments[number].selector)


def push(ins: Instruction) -> Op:
    """PUSH of a segment register."""
    number, size = ins.op0_register - Register.ES, -ins.stack_pointer_increment
    wrap = mask(stack_width(ins))

    def run(x: Context) -> None:
        top = x.gprs[RSP] - size & wrap
        x.store(top, size, x.cpu.segments[number].selector)
        x.gprs[RSP] = top

    return run


def pop(ins: Instruction) -> Op:
    number, size, after = ins.op0_register - Register.ES, ins.stack_pointer_increment, ins.next_ip
    wrap = mask(stack_width(ins))

    def run(x: Context) -> None:
        top = x.gprs[RSP]
        selector = x.load(top, size) & 0xFFFF
        segments.checked(x, number, selector)
        x.gprs[RSP] = top + size & wrap
        _load(x, number, selector, after)

    return run


# --- far transfers --------------------------------------------------------------------------------


def _pointer(ins: Instruction) -> tuple[Callable[[Context], tuple[int, int]], int]:
    """Where a far transfer goes: (selector, offset) when asked, and the offset's size in bytes."""
    if ins.op_kind(0) in FAR:
        there = ins.far_branch_selector, ins.far_branch32
        return lambda x: there, FAR[ins.op_kind(0)]
    at, size = address(ins), operand_size(ins) - 2

    def read(x: Context) -> tuple[int, int]:
        raw = x.load(at(x), size + 2)
        return raw >> size * 8, raw & mask(size)

    return read, size


def _destination(x: Context, selector: int, rip: int) -> Segment:
    if selector & ~3 == 0:
        raise GuestFault(GP, 0)
    target = segments.read(x, selector)
    segments.check_code(x, target, x.cpu.cpl)
    _check_rip(x, target, rip)
    return target


def _check_rip(x: Context, target: Segment, rip: int) -> None:
    if not (is_canonical(rip) if x.cpu.long_mode and target.long else rip >> 32 == 0):
        raise GuestFault(GP, 0)


def jmp(ins: Instruction) -> Op:
    where, _ = _pointer(ins)
    indirect = ins.op_kind(0) not in FAR

    def run(x: Context) -> int:
        selector, rip = where(x)
        target = _destination(x, selector, rip)
        segments.enter_code(x, target, x.cpu.cpl)
        if indirect:
            shadow.track(x, rip, notrack=False)
        return rip

    return run


def call(ins: Instruction) -> Op:
    """Return address and CS in one store; with a shadow stack CS, address and SSP there, too."""
    where, size = _pointer(ins)
    after, wrap = ins.next_ip, mask(stack_width(ins))
    indirect = ins.op_kind(0) not in FAR

    def run(x: Context) -> int:
        cpu = x.cpu
        selector, rip = where(x)
        target = _destination(x, selector, rip)
        top = x.gprs[RSP] - 2 * size & wrap
        if cpu.cet & SHADOW_STACK:
            _push_shadow(x, after)
        x.store(top, 2 * size, cpu.cs << size * 8 | after & mask(size))
        x.gprs[RSP] = top
        segments.enter_code(x, target, cpu.cpl)
        if indirect:
            shadow.track(x, rip, notrack=False)
        return rip

    return run


def _push_shadow(x: Context, after: int) -> None:
    old, new = x.cpu.ssp, x.cpu.ssp & ~7
    for value in (x.cpu.cs, after, old):
        new = new - 8 & U64
        shadow.store(x, new, value)
    x.cpu.ssp = new


def ret(ins: Instruction) -> Op:
    """RETF, to the same or to less privilege."""
    size = ins.stack_pointer_increment - (ins.immediate(0) if ins.op_count else 0) >> 1
    extra, wrap = ins.immediate(0) if ins.op_count else 0, mask(stack_width(ins))

    def run(x: Context) -> int:
        cpu, top = x.cpu, x.gprs[RSP]
        rip, selector = x.load(top, size), x.load(top + size & wrap, size) & 0xFFFF
        target, cpl, before = _return_segment(x, selector), selector & 3, cpu.cpl
        _check_rip(x, target, rip)
        new_top, stack = top + 2 * size + extra & wrap, None
        if cpl > before:
            outer = [x.load(new_top + size * n & wrap, size) for n in range(2)]
            stack, new_top = _outer_stack(x, outer[1] & 0xFFFF, cpl, target), outer[0] + extra
        commit = shadow.prepare_iret(x, selector, rip, cpl)
        segments.enter_code(x, target, cpl)
        commit()
        x.gprs[RSP] = new_top & (U64 if cpu.bits == 64 else mask(4))
        if stack is not None:
            cpu.segments[SS] = stack
            segments.drop_for_user(x)
        return rip

    return run


def _return_segment(x: Context, selector: int) -> Segment:
    if selector & ~3 == 0 or selector & 3 < x.cpu.cpl:
        raise GuestFault(GP, selector & ~3)
    target = segments.read(x, selector)
    segments.check_code(x, target, selector & 3)
    return target


def _outer_stack(x: Context, selector: int, cpl: int, target: Segment) -> Segment:
    if selector & ~3 == 0 and target.long and cpl != 3:
        return NULL_SEGMENT._replace(selector=selector, attributes=0x1_0000 | cpl << 5)
    kept, x.cpu.cpl = x.cpu.cpl, cpl
    try:
        return segments.checked(x, SS, selector)
    finally:
        x.cpu.cpl = kept


def lldt(ins: Instruction) -> Op:
    get = reader(ins, 0, 2)

    def run(x: Context) -> None:
        if x.cpu.cpl:
            raise GuestFault(GP, 0)
        selector = get(x)
        if selector & ~3 == 0:
            x.cpu.ldtr = NULL_SEGMENT._replace(selector=selector)
        else:
            x.cpu.ldtr = segments.system_segment(x, selector, (segments.LDT,))

    return run


TABLE: dict[str, Build] = {"RETF": ret, "LLDT": lldt}
"""MOV, PUSH, POP, JMP and CALL share their names with ordinary ones; ``compiler`` tells them apart."""
