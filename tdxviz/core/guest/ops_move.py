"""Moves, conversions, stack, exchange, conditional moves."""

from collections.abc import Callable

from tdxviz.core.faults import Boundary
from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind, stack_width
from tdxviz.core.guest.operands import effective, mask, reader, signed, writer
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import RAX, RBP, RDX, RSP
from tdxviz.core.hw.path import SMAP
from tdxviz.core.units import U64


def mov(ins: Instruction) -> Op:
    size = operand_size(ins)
    get, put = reader(ins, 1, size), writer(ins, 0, size)
    return lambda x: put(x, get(x))


def movzx(ins: Instruction) -> Op:
    get, put = reader(ins, 1, operand_size(ins, 1)), writer(ins, 0, operand_size(ins))
    return lambda x: put(x, get(x))


def movsx(ins: Instruction) -> Op:
    small, size = operand_size(ins, 1), operand_size(ins)
    get, put, keep = reader(ins, 1, small), writer(ins, 0, size), mask(size)
    return lambda x: put(x, signed(get(x), small * 8) & keep)


def lea(ins: Instruction) -> Op:
    size = operand_size(ins)
    at, put, keep = effective(ins), writer(ins, 0, size), mask(size)
    return lambda x: put(x, at(x) & keep)


def xchg(ins: Instruction) -> Op:
    size = operand_size(ins)
    memory = 0 if ins.op_kind(0) == OpKind.MEMORY else 1
    first, second = memory, 1 - memory
    get_m, put_m = reader(ins, first, size), writer(ins, first, size)
    get_r, put_r = reader(ins, second, size), writer(ins, second, size)

    def run(x: Context) -> None:
        a, b = get_m(x), get_r(x)
        put_m(x, b)
        put_r(x, a)

    return run


def bswap(ins: Instruction) -> Op:
    size = operand_size(ins)
    get, put = reader(ins, 0, size), writer(ins, 0, size)
    return lambda x: put(x, int.from_bytes(get(x).to_bytes(size, "little"), "big"))


def push(ins: Instruction) -> Op:
    size = 8 if ins.op_kind(0) != OpKind.REGISTER else operand_size(ins)
    size = 2 if size == 2 else _stack_width(ins)
    get = reader(ins, 0, size)

    def run(x: Context) -> None:
        value = get(x)
        top = x.gprs[RSP] - size & U64
        x.store(top, size, value)
        x.gprs[RSP] = top

    return run


def _stack_width(ins: Instruction) -> int:
    return -ins.stack_pointer_increment if ins.stack_pointer_increment < 0 else 8


def pop(ins: Instruction) -> Op:
    size = ins.stack_pointer_increment
    put = writer(ins, 0, size)

    def run(x: Context) -> None:
        top = x.gprs[RSP]
        value = x.load(top, size)
        x.gprs[RSP] = top + size & U64  # a memory destination may be based on the new RSP
        try:
            put(x, value)
        except BaseException:
            x.gprs[RSP] = top
            raise

    return run


def leave(ins: Instruction) -> Op:
    size = stack_width(ins)

    def run(x: Context) -> None:
        frame = x.gprs[RBP]
        value = x.load(frame, size)
        x.gprs[RSP], x.gprs[RBP] = frame + size & U64, value

    return run


FLAGS_IN_MEMORY = 0x00FC_FFFF
POPPABLE = 0x0024_7FD5
TF, IF, IOPL, AC = 1 << 8, 1 << 9, 3 << 12, 1 << 18


def pushf(ins: Instruction) -> Op:
    size, wrap = -ins.stack_pointer_increment, mask(stack_width(ins))
    kept = FLAGS_IN_MEMORY & mask(size)

    def run(x: Context) -> None:
        top = x.gprs[RSP] - size & wrap
        x.store(top, size, x.cpu.rflags & kept)
        x.gprs[RSP] = top

    return run


def popf(ins: Instruction) -> Op:
    """The 16-bit form leaves the upper flags; IOPL and IF depend on privilege."""
    after, size, wrap = ins.next_ip, ins.stack_pointer_increment, mask(stack_width(ins))
    writable = POPPABLE & mask(size)

    def run(x: Context) -> None:
        top = x.gprs[RSP]
        value = x.load(top, size)
        x.gprs[RSP] = top + size & wrap
        cpu, may = x.cpu, writable
        if cpu.cpl:
            may &= ~IOPL
            if cpu.cpl > cpu.rflags >> 12 & 3:
                may &= ~IF
        changed = (value ^ cpu.rflags) & may
        if changed & AC and cpu.cr4 & SMAP:
            x.forget()
        cpu.rflags = cpu.rflags & ~may | value & may | 2
        if cpu.irr or cpu.rflags & TF or changed & AC:  # alignment checking is another way to memory
            cpu.rip = after
            raise Boundary

    return run


def _widen(small: int, size: int) -> Build:
    """CBW, CWDE, CDQE: sign-extend the accumulator."""

    def build(ins: Instruction) -> Op:
        def run(x: Context) -> None:
            value = signed(x.gprs[RAX] & mask(small), small * 8) & mask(size)
            x.gprs[RAX] = value if size >= 4 else x.gprs[RAX] & ~mask(size) | value

        return run

    return build


def _spread(size: int) -> Build:
    """CWD, CDQ, CQO: the accumulator's sign fills RDX."""

    def build(ins: Instruction) -> Op:
        def run(x: Context) -> None:
            sign = mask(size) if x.gprs[RAX] >> size * 8 - 1 & 1 else 0
            x.gprs[RDX] = sign if size >= 4 else x.gprs[RDX] & ~mask(size) | sign

        return run

    return build


def _cmov(code: int) -> Build:
    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        get, put, old = reader(ins, 1, size), writer(ins, 0, size), reader(ins, 0, size)

        def run(x: Context) -> None:
            value = get(x)
            put(x, value if f.condition(code, x.cpu.rflags) else old(x))

        return run

    return build


def _set(code: int) -> Build:
    def build(ins: Instruction) -> Op:
        put = writer(ins, 0, 1)
        return lambda x: put(x, int(f.condition(code, x.cpu.rflags)))

    return build


CONDITIONS = ("O", "NO", "B", "AE", "E", "NE", "BE", "A", "S", "NS", "P", "NP", "L", "GE", "LE", "G")

TABLE: dict[str, Callable[[Instruction], Op]] = {
    "MOV": mov,
    "MOVNTI": mov,
    "MOVZX": movzx,
    "MOVSX": movsx,
    "MOVSXD": movsx,
    "LEA": lea,
    "XCHG": xchg,
    "BSWAP": bswap,
    "PUSH": push,
    "POP": pop,
    "LEAVE": leave,
    **dict.fromkeys(("PUSHF", "PUSHFD", "PUSHFQ"), pushf),
    **dict.fromkeys(("POPF", "POPFD", "POPFQ"), popf),
    "CBW": _widen(1, 2),
    "CWDE": _widen(2, 4),
    "CDQE": _widen(4, 8),
    "CWD": _spread(2),
    "CDQ": _spread(4),
    "CQO": _spread(8),
    **{f"CMOV{name}": _cmov(n) for n, name in enumerate(CONDITIONS)},
    **{f"SET{name}": _set(n) for n, name in enumerate(CONDITIONS)},
}
