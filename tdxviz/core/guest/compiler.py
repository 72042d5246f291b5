"""Machine code to closures. Pure and remembered: the same bytes at the same place compile once."""

from functools import lru_cache

from tdxviz.core.guest import (
    decoder,
    ops_alu,
    ops_atomic,
    ops_bits,
    ops_bmi,
    ops_cache,
    ops_control,
    ops_event,
    ops_frame,
    ops_move,
    ops_mul,
    ops_query,
    ops_registers,
    ops_segment,
    ops_shadow,
    ops_shift,
    ops_sse,
    ops_sse_parts,
    ops_string,
    ops_syscall,
    ops_system,
    ops_task,
    ops_x87,
    ops_xsave,
)
from tdxviz.core.guest.decoder import CodeSize, Instruction, OpKind, Register
from tdxviz.core.guest.table import Build, Op

BUILDERS: dict[str, Build] = (
    ops_alu.TABLE | ops_move.TABLE | ops_shift.TABLE | ops_mul.TABLE
    | ops_string.TABLE | ops_control.TABLE | ops_system.TABLE | ops_event.TABLE | ops_bits.TABLE
    | ops_atomic.TABLE | ops_frame.TABLE | ops_cache.TABLE | ops_registers.TABLE
    | ops_segment.TABLE | ops_query.TABLE | ops_bmi.TABLE | ops_shadow.TABLE | ops_syscall.TABLE | ops_task.TABLE
    | ops_x87.TABLE | ops_xsave.TABLE
)  # fmt: skip

VECTORS = ops_sse.TABLE | ops_sse_parts.TABLE

CONTROL = range(Register.CR0, Register.CR15 + 1)
SEGMENTS = range(Register.ES, Register.GS + 1)
VECTOR = [*range(Register.XMM0, Register.ZMM31 + 1), *range(Register.MM0, Register.MM7 + 1)]
GENERAL = range(Register.AL, Register.R15 + 1)
DEBUG = range(Register.DR0, Register.TR7 + 1)


class Compiled:
    """``op`` is None for an instruction that is not modelled; ``next`` is the following RIP."""

    __slots__ = ("code", "length", "next", "op", "text")

    def __init__(self, op: Op | None, code: bytes, after: int, text: str = "") -> None:
        self.op, self.code, self.length, self.next, self.text = op, code, len(code), after, text


@lru_cache(maxsize=65536)
def compile_at(code: bytes, rip: int, bits: int) -> Compiled | None:
    """The instruction at the start of ``code``; None for bytes that are no instruction.

    Raises:
        decoder.Incomplete: more bytes are needed.
    """
    ins = decoder.decode(code, rip, bits)
    if ins is None:
        return None
    build = _builder(ins)
    text = "" if build else decoder.text(ins)
    after = ins.next_ip & ((1 << 64) - 1 if bits == 64 else 0xFFFF_FFFF)
    return Compiled(build(ins) if build else None, code[: ins.len], after, text)


def build_op(ins: Instruction) -> Op | None:
    """The closure of a decoded instruction; None for one that is not modelled."""
    build = _builder(ins)
    return build(ins) if build else None


def _builder(ins: Instruction) -> Build | None:
    name = decoder.name(ins)
    registers = [ins.op_register(n) for n in range(ins.op_count) if ins.op_kind(n) == OpKind.REGISTER]
    if any(r in VECTOR for r in registers):
        known = all(r in ops_sse.XMM or r in GENERAL for r in registers)
        return VECTORS.get(name) if known else None
    if name == "MOV":
        if any(r in CONTROL for r in registers):
            return ops_system.mov_control
        if any(r in DEBUG for r in registers):
            return ops_registers.mov_debug
        if any(r in SEGMENTS for r in registers):
            to = ins.op_kind(0) == OpKind.REGISTER and ins.op0_register in SEGMENTS
            return ops_segment.to_segment if to else ops_segment.from_segment
    elif any(r in SEGMENTS for r in registers):
        return {"PUSH": ops_segment.push, "POP": ops_segment.pop}.get(name)
    if is_far(ins):
        return ops_segment.call if name == "CALL" else ops_segment.jmp
    if name in ops_event.SIZES and ins.code_size != CodeSize.CODE64:
        return None  # only 64-bit mode knows interrupts here
    return BUILDERS.get(name)


def is_far(ins: Instruction) -> bool:
    return ins.is_call_far or ins.is_call_far_indirect or ins.is_jmp_far or ins.is_jmp_far_indirect
