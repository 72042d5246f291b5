"""Basic blocks of guest code as Python functions: the fast tier.

A block is a run of instructions in one page and at most two cache lines that is left only at its
end, or early where the machine underneath may have moved (a TLB or cache fill, a store into code).
Its text comes from ``emit_table``; instructions without text are called as closures. Translated code
depends on the bytes, their address and the mode alone, so all machines share it.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from tdxviz.core.faults import Architectural, Boundary, GuestFault
from tdxviz.core.guest import decoder
from tdxviz.core.guest.compiler import build_op
from tdxviz.core.guest.decoder import FlowControl, Instruction
from tdxviz.core.guest.emit import NotEmitted, Source
from tdxviz.core.guest.emit_table import TABLE, Row, only_general
from tdxviz.core.guest.lazy import KINDS, Writer
from tdxviz.core.guest.table import Op
from tdxviz.core.hw.cache import CacheLine
from tdxviz.core.units import LINE, PAGE, U64

if TYPE_CHECKING:
    from tdxviz.core.guest.context import Context

LONGEST = 40
"""Instructions of one block."""
NEEDS_TIME = {"RDTSC", "RDTSCP"}
"""Only single steps know how many instructions ran before."""
TRACKED = {"CALL", "RET", "JMP"}
"""Their closures know shadow stacks and branch tracking."""
HOT = 12
"""Visits after which a place is worth translating."""

Run: TypeAlias = Callable[..., int]
"""(context, gprs, lines, load places, store places, code tags) -> next RIP, or -1 if it left early."""

_FORMATS = {2: "<H", 4: "<I", 8: "<Q"}
NAMES: dict[str, Any] = {
    "Architectural": Architectural,
    "Boundary": Boundary,
    "Fault": GuestFault,
    "MISS": (KeyError, struct.error),
    "LINE": CacheLine,
    "BYTE": [bytes([n]) for n in range(256)],
    **{f"U{size}": struct.Struct(text).unpack_from for size, text in _FORMATS.items()},
    **{f"P{size}": struct.Struct(text).pack for size, text in _FORMATS.items()},
    **{f"B{size}": struct.Struct(text.replace("<", ">")).unpack for size, text in _FORMATS.items()},
    **KINDS,
}
"""What the text of every block may name."""


class Step(NamedTuple):
    """One instruction of a block; ``row`` is None where its closure is called."""

    ins: Instruction
    op: Op
    row: Row | None
    touches: bool
    reads: bool
    writes: str


class Block:
    """``rips`` has one entry more than there are instructions: where a block that falls through ends."""

    __slots__ = ("inside", "length", "rips", "run", "writers")

    def __init__(self, rips: list[int]) -> None:
        self.rips = rips
        self.length = len(rips) - 1
        self.inside = frozenset(rips[1:-1])
        self.writers: list[tuple[Writer, ...]] = []
        """Whose flags are current before each instruction."""
        self.run: Run

    def unwind(self, x: "Context", done: int, local: dict[str, int]) -> None:
        """Make RFLAGS and RIP true after ``done`` instructions."""
        self.settle(x, done, done, local)
        x.cpu.rip = self.rips[done]

    def settle(self, x: "Context", done: int, place: int, local: dict[str, int]) -> None:
        """Make RFLAGS true after ``done`` instructions, with the writers known before ``place``."""
        flags = x.settle()
        for w in self.writers[place]:
            a, b, t = (local.get(f"{letter}{w.place}", 0) for letter in "abt")
            flags = KINDS[w.kind](flags, a, b, t)
        x.put_flags(flags)
        x.ran = done

    def leave(self, x: "Context", done: int, local: dict[str, int]) -> int:
        """The way out before the end."""
        self.unwind(x, done, local)
        return -1


class Site:
    """A place in code, by its bytes: how often it was come to, and its block once it is hot."""

    __slots__ = ("block", "heat", "short")

    def __init__(self) -> None:
        self.heat = 0
        self.block: Block | None = None
        self.short = False
        """The block ends where the bytes end."""


@lru_cache(maxsize=16384)
def site(rip: int, mode: int, line: bytes, after: bytes) -> Site:
    """The site at ``rip`` whose line holds ``line``, and the next one ``after`` (empty: not used)."""
    return Site()


def block_at(rip: int, mode: int, line: bytes, after: bytes) -> Block | None:
    """The block at ``rip`` if it is hot and can be translated; into the next line only if it must."""
    first = _visit(rip, mode, line, b"")
    if after and first.short:
        return _visit(rip, mode, line, after).block or first.block
    return first.block


def _visit(rip: int, mode: int, line: bytes, after: bytes) -> Site:
    place = site(rip, mode, line, after)
    if place.heat < HOT:
        place.heat += 1
        if place.heat == HOT:
            code = (line + after)[rip % LINE :]
            place.block = translate(rip, mode, code)
            end = rip if place.block is None else place.block.rips[-1]
            place.short = not after and rip + len(code) - end < decoder.LONGEST
    return place


def translate(rip: int, mode: int, code: bytes) -> Block | None:
    """A block from the instructions at the start of ``code``; None if there is none. ``mode`` is the
    decoding mode, plus 1 while CET is on."""
    bits = mode & ~1
    steps = _steps(rip, mode, code[: PAGE - rip % PAGE])
    if not steps:
        return None
    last = steps[-1].ins
    wrap = U64 if bits == 64 else 0xFFFF_FFFF
    block = Block([step.ins.ip for step in steps] + [last.next_ip & wrap])
    source = Source(bits)
    names = {**NAMES, "B": block}
    for place, step in enumerate(steps):
        source.begin(place, _seen_later(steps, place))
        block.writers.append(tuple(source.writers))
        if step.row is not None:
            step.row.emit(source, step.ins)
        else:
            names[f"o{place}"] = step.op
            _call(source, step)
        if source.touched and place < len(steps) - 1:
            source.say(f"if s: return B.leave(x, {place + 1}, locals())")
    block.writers.append(tuple(source.writers))
    if not _ends(steps[-1]):
        source.end(str(block.rips[-1]))
    block.run = _function(source.lines, names)
    return block


def _function(lines: list[str], names: dict[str, Any]) -> Run:
    body = "\n  ".join(lines)
    text = (
        f"def run(x, g, lines, rd, wr, code):\n i = s = 0\n try:\n  {body}\n"
        " except Boundary:\n  B.settle(x, i, i + 1, locals())\n  raise\n"
        " except Architectural:\n  B.unwind(x, i, locals())\n  raise\n"
    )
    exec(compile(text, "<block>", "exec"), names)  # text of our own; no byte of a guest is in it but numbers
    return names["run"]


def _call(source: Source, step: Step) -> None:
    """Text that calls an instruction's closure."""
    k = source.place
    if step.reads or step.writes or _ends(step):
        source.settle()
    source.narrow.clear()
    if not _ends(step):
        source.say(f"i = {k}; o{k}(x); s = x.stale")
        source.touched = True
        return
    source.say(f"i = {k}; x.cpu.rip = {step.ins.ip}; z = o{k}(x)")
    source.say(f"if z is None: z = {step.ins.next_ip}")
    source.say(f"return x.leave({k + 1}, z) if x.stale else z")


def _steps(rip: int, mode: int, code: bytes) -> list[Step]:
    steps: list[Step] = []
    at = 0
    while len(steps) < LONGEST:
        try:
            ins = decoder.decode(code[at : at + decoder.LONGEST], rip + at, mode & ~1)
        except decoder.Incomplete:
            break
        op = None if ins is None else build_op(ins)
        if ins is None or op is None or decoder.name(ins) in NEEDS_TIME:
            break
        steps.append(_step(ins, op, mode))
        at += ins.len
        if _ends(steps[-1]):
            break
    return steps


def _step(ins: Instruction, op: Op, mode: int) -> Step:
    """Try the row's text once on an empty sheet: it says whether this form has text."""
    name = decoder.name(ins)
    row = TABLE.get(name)
    if row is not None and only_general(ins) and not (mode & 1 and name in TRACKED):
        trial = Source(mode & ~1)
        try:
            row.emit(trial, ins)
            return Step(ins, op, row, trial.touched, row.reads, row.writes)
        except NotEmitted:
            pass
    reads = bool(ins.rflags_read & decoder.SIX_FLAGS)
    writes = "part" if ins.rflags_modified & decoder.SIX_FLAGS else ""
    return Step(ins, op, None, True, reads, writes)


def _ends(step: Step) -> bool:
    if step.row is not None:
        return step.row.ends
    return step.ins.flow_control != FlowControl.NEXT or step.ins.has_rep_prefix or step.ins.has_repne_prefix


def _seen_later(steps: list[Step], place: int) -> bool:
    """Whether anybody may see the flags as instruction ``place`` leaves them."""
    if steps[place].touches:
        return True
    for step in steps[place + 1 :]:
        if step.touches or step.reads or step.row is None:
            return True
        if step.writes == "full":
            return False
        if step.writes == "keeps-carry":
            return True
    return True
