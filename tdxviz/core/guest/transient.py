"""Transient execution: what a processor does at a wrongly predicted target until it knows better.

Up to ``WINDOW`` instructions really execute on a copy of the registers. Loads and fetches take the usual
way, so TLB and cache keep what they brought; stores stay in a buffer that is thrown away; an outcome
that would raise an exception, leave the guest or serialise ends it silently.
Source: Intel, "Speculative Execution Side Channel Mitigations"; SDM volume 1, 17.3 (ENDBRANCH).
Simplified: conditional branches are never predicted wrongly, and a wrong prediction inside follows the
values at hand. The length of the window is ours.
"""

from dataclasses import replace
from functools import lru_cache

from tdxviz.core import events as e
from tdxviz.core.faults import Architectural
from tdxviz.core.guest import (
    decoder,
    ops_alu,
    ops_bits,
    ops_control,
    ops_frame,
    ops_move,
    ops_mul,
    ops_shift,
    ops_sse,
    ops_sse_parts,
    ops_string,
)
from tdxviz.core.guest.compiler import GENERAL, VECTOR, build_op, is_far
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.table import Op
from tdxviz.core.hw import path
from tdxviz.core.hw.cpu import BRANCH_TRACKING, SHADOW_STACK
from tdxviz.core.hw.predictor import Target
from tdxviz.core.units import LINE, U64, Gla, Hpa, split_keyid

WINDOW = 32
"""Instructions until the branch is resolved, at most."""
NOTHING = ("NOP", "PAUSE", "SFENCE", "ENDBR64", "ENDBR32")
HARMLESS = frozenset(
    ops_alu.TABLE | ops_bits.TABLE | ops_control.TABLE | ops_frame.TABLE | ops_move.TABLE | ops_mul.TABLE
    | ops_shift.TABLE | ops_string.TABLE | ops_sse.TABLE | ops_sse_parts.TABLE | dict.fromkeys(NOTHING)
) - {"XCHG", "POPF", "POPFD", "POPFQ"}  # fmt: skip
"""They change registers and memory only; all others wait until the branch is resolved."""
STACKED = ("CALL", "RET")
ENDBRANCH = {64: "ENDBR64", 32: "ENDBR32"}


class Scratch(Context):
    """A context whose registers and stores are its own, and whose loads are real."""

    __slots__ = ("stored",)

    def __init__(self, x: Context, rip: Gla) -> None:
        cpu = x.cpu.copy()
        cpu.rip = rip
        lp = replace(x.lp, cpu=cpu, predictor=x.lp.predictor.copy())
        super().__init__(x.p, lp, replace(x.ctx, cpu=cpu, transient="speculative "), cpu)
        self.seen = None
        self.stored: dict[Gla, int] = {}
        """Address -> byte that was stored and will never reach memory."""

    def load(self, gla: Gla, size: int) -> int:
        return int.from_bytes(self.load_bytes(gla, size), "little")

    def load_bytes(self, gla: Gla, size: int) -> bytes:
        data = path.load(self.p, self.lp, self.ctx, gla, size)
        if not self.stored:
            return data
        return bytes(self.stored.get(gla + n & U64, byte) for n, byte in enumerate(data))

    def store(self, gla: Gla, size: int, value: int) -> None:
        self.store_bytes(gla, value.to_bytes(size, "little"))

    def store_bytes(self, gla: Gla, data: bytes) -> None:
        self.stored.update((gla + n & U64, byte) for n, byte in enumerate(data))

    def fetch(self, gla: Gla, size: int) -> bytes:
        return path.fetch(self.p, self.lp, self.ctx, gla, size)

    def probe(self, gla: Gla, size: int) -> None:
        """Nothing will be stored."""


@lru_cache(maxsize=1024)
def decoded(code: bytes, rip: Gla, bits: int) -> tuple[str, Op | None, Gla]:
    """Name, closure and following RIP of the instruction at the start of ``code``; no closure where
    transient execution ends.

    Raises:
        decoder.Incomplete: more bytes are needed.
    """
    ins = decoder.decode(code, rip, bits)
    if ins is None:
        return "", None, rip
    name = decoder.name(ins)
    op = build_op(ins) if _harmless(ins, name) else None
    return name, op, ins.next_ip & (U64 if bits == 64 else 0xFFFF_FFFF)


def _harmless(ins: decoder.Instruction, name: str) -> bool:
    """Neither locked nor far, and only general and vector registers."""
    if name not in HARMLESS or ins.has_lock_prefix or is_far(ins):
        return False
    registers = [ins.op_register(n) for n in range(ins.op_count) if ins.op_kind(n) == decoder.OpKind.REGISTER]
    return all(r in GENERAL or r in VECTOR for r in registers)


def run(x: Context, branch: Gla, guess: Target, actual: Gla) -> None:
    """Follow the prediction for a while; afterwards only TLB and cache may differ."""
    p, lp = x.p, x.lp.id
    before, there = x.moves(), set(p.cache.lines) if p.trace else set()
    x.settle()
    if p.trace:
        p.note(
            e.SpeculationBegan(
                lp=lp, actor=x.who, branch=branch, predicted=guess.target, actual=actual, trainer=guess.trainer
            )
        )  # fmt: skip
    done, why = _follow(Scratch(x, guess.target), x.cpu.bits, tracked=not guess.of_return)
    if p.trace:
        left = tuple(tag for tag in p.cache.lines if tag not in there)
        p.note(e.SpeculationSquashed(lp=lp, actor=x.who, executed=done, why=why, lines=places(left)))
    x.notice(before)


def places(tags: tuple[int, ...]) -> tuple[Hpa, ...]:
    """Addresses of cache tags, without KeyIDs."""
    return tuple(split_keyid(tag)[0] for tag in tags)


def _follow(x: Scratch, bits: int, *, tracked: bool) -> tuple[int, str]:
    """How many instructions executed, and what ended it. ``tracked``: a target of JMP or CALL."""
    cpu = x.cpu
    wanted = ENDBRANCH[bits] if tracked and cpu.cet & BRANCH_TRACKING else ""
    for done in range(WINDOW):
        try:
            name, op, after = _next(x, cpu.rip, bits)
            if wanted and not done and name != wanted:
                return done, "the target is no ENDBRANCH"
            if op is None or (name in STACKED and cpu.cet & SHADOW_STACK):
                return done, f"{name or 'no instruction'} waits until the branch is resolved"
            target = op(x)
        except Architectural as outcome:
            return done, f"{type(outcome).__name__}: it is never delivered"
        cpu.rip = after if target is None else target
    return WINDOW, "the branch was resolved"


def _next(x: Scratch, rip: Gla, bits: int) -> tuple[str, Op | None, Gla]:
    room = LINE - rip % LINE
    code = x.fetch(rip, min(room, decoder.LONGEST))
    try:
        return decoded(code, rip, bits)
    except decoder.Incomplete:
        code += x.fetch(rip + room & U64, decoder.LONGEST - room)
        return decoded(code, rip, bits)
