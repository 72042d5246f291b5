"""Read-modify-write with comparison or exchange. A LOCK prefix changes nothing here: one instruction
is carried out at a time, on whatever processor."""

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import flags as f
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction, OpKind
from tdxviz.core.guest.operands import address, mask, reader, writer
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import RAX, RBX, RCX, RDX

GP = 13


def cmpxchg(ins: Instruction) -> Op:
    """The destination is written in any case; the accumulator only if they differed."""
    size = operand_size(ins)
    get, put, new = reader(ins, 0, size), writer(ins, 0, size), reader(ins, 1, size)
    keep, bits = mask(size), size * 8
    memory = ins.op_kind(0) == OpKind.MEMORY

    def run(x: Context) -> None:
        old, wanted = get(x), x.gprs[RAX] & keep
        _, flags = f.sub(wanted, old, 0, bits)
        if old == wanted:
            put(x, new(x))
        else:
            if memory:
                put(x, old)
            x.gprs[RAX] = old if size >= 4 else x.gprs[RAX] & ~keep | old
        x.cpu.rflags = x.cpu.rflags & ~f.ARITHMETIC | flags

    return run


def _pair(half: int) -> Build:
    """CMPXCHG8B and CMPXCHG16B: EDX:EAX with memory; only ZF changes."""

    def build(ins: Instruction) -> Op:
        at, keep, shift = address(ins), mask(half), half * 8

        def run(x: Context) -> None:
            gla, g = at(x), x.gprs
            if half == 8 and gla % 16:
                raise GuestFault(GP, 0)
            old = x.load(gla, 2 * half)
            if old == (g[RDX] & keep) << shift | g[RAX] & keep:
                x.store(gla, 2 * half, (g[RCX] & keep) << shift | g[RBX] & keep)
                x.cpu.rflags |= f.ZF
            else:
                x.store(gla, 2 * half, old)
                g[RAX], g[RDX] = old & keep, old >> shift
                x.cpu.rflags &= ~f.ZF

        return run

    return build


def xadd(ins: Instruction) -> Op:
    size = operand_size(ins)
    get, put = reader(ins, 0, size), writer(ins, 0, size)
    get_register, put_register, bits = reader(ins, 1, size), writer(ins, 1, size), size * 8

    def run(x: Context) -> None:
        old, value = get(x), get_register(x)
        total, flags = f.add(old, value, 0, bits)
        if ins_memory:
            put(x, total)
            put_register(x, old)
        else:  # XADD of a register with itself keeps the sum
            put_register(x, old)
            put(x, total)
        x.cpu.rflags = x.cpu.rflags & ~f.ARITHMETIC | flags

    ins_memory = ins.op_kind(0) == OpKind.MEMORY
    return run


TABLE: dict[str, Build] = {
    "CMPXCHG": cmpxchg,
    "CMPXCHG8B": _pair(4),
    "CMPXCHG16B": _pair(8),
    "XADD": xadd,
}
