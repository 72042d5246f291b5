"""Python source for the frequent instructions, put together block by block.

What it says is what ``ops_*`` do, form by form; tests compare the two, and both with a real CPU. Registers
are ``g[n]``; a name ending in the instruction's place in the block (``a3``, ``t3``) is its own.
"""

from tdxviz.core.guest.decoder import Instruction, OpKind, Register, register_place
from tdxviz.core.guest.lazy import Writer
from tdxviz.core.hw.cpu import RSP
from tdxviz.core.units import U64

WORD = 0xFFFF_FFFF
SEGMENTED = (Register.FS, Register.GS)

ON_FLAGS = (
    "{F} & 2048", "{F} & 1", "{F} & 64", "{F} & 65", "{F} & 128", "{F} & 4",
    "({F} >> 7 ^ {F} >> 11) & 1", "{F} & 64 or ({F} >> 7 ^ {F} >> 11) & 1",
)  # fmt: skip
"""Condition codes 0, 2, 4, ... over a flags word."""


class NotEmitted(Exception):
    """This form has no source here; its closure is called instead."""


class Source:
    """The body of one block while it is written."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.lines: list[str] = []
        self.place = 0
        self.writers: list[Writer] = []
        """Whose flags are the current ones, oldest first, since they were last settled."""
        self.needed = True
        """Whether anybody may see the flags that this instruction leaves."""
        self.narrow: set[int] = set()
        """Registers that are known to be below 2**32."""
        self.touched = self.loaded = False
        """Whether this instruction's memory access may have to end the block; whether it loaded."""

    def begin(self, place: int, needed: bool) -> None:
        self.place, self.needed = place, needed
        self.touched = self.loaded = False

    def say(self, line: str) -> None:
        self.lines.append(line)

    # --- registers ------------------------------------------------------------------------

    def register(self, register: int) -> str:
        number, size, shift = register_place(register)
        if size == 8 or (size == 4 and number in self.narrow):
            return f"g[{number}]"
        inner = f"g[{number}] >> {shift}" if shift else f"g[{number}]"
        return f"({inner} & {(1 << size * 8) - 1})"

    def put(self, register: int, value: str) -> None:
        """``value`` is an expression that fits the register's size."""
        number, size, shift = register_place(register)
        if size >= 4:
            self.say(f"g[{number}] = {value}")
            (self.narrow.add if size == 4 else self.narrow.discard)(number)
            return
        field = ((1 << size * 8) - 1) << shift
        inner = f"({value}) << {shift}" if shift else f"({value})"
        self.say(f"g[{number}] = g[{number}] & {U64 & ~field} | {inner}")

    # --- operands -------------------------------------------------------------------------

    def address(self, ins: Instruction, *, segmented: bool = True) -> str:
        """An expression for the linear address of the memory operand. Outside 64-bit mode blocks are
        used only while all segments begin at 0."""
        if segmented and self.bits == 64 and ins.memory_segment in SEGMENTED:
            base = f"x.cpu.segments[{ins.memory_segment - Register.ES}].base"
            return f"({self.address(ins, segmented=False)}) + {base} & {U64}"
        base, index, scale = ins.memory_base, ins.memory_index, ins.memory_index_scale
        disp = ins.memory_displacement
        if base in (Register.RIP, Register.EIP) or (base == Register.NONE and index == Register.NONE):
            return str(disp & (U64 if self.bits == 64 else WORD))
        places = [
            (register_place(r), times) for r, times in ((base, 1), (index, scale)) if r != Register.NONE
        ]
        if any(size < 4 for (_, size, _), _ in places):
            raise NotEmitted
        wrap = WORD if any(size == 4 for (_, size, _), _ in places) else U64
        terms = [f"g[{n}]" if times == 1 else f"g[{n}] * {times}" for (n, _, _), times in places]
        signed = disp - (1 << 64) if disp >> 63 else disp
        text = " + ".join(terms) + (f" + {signed}" if signed > 0 else f" - {-signed}" if signed else "")
        plain = (
            len(terms) == 1
            and not signed
            and places[0][1] == 1
            and (wrap == U64 or places[0][0][0] in self.narrow)
        )
        return text if plain else f"{text} & {wrap}"

    def load(self, at: str, size: int, name: str) -> None:
        """``name`` = ``size`` bytes at the address; the slow way if TLB or cache do not have them."""
        a = f"m{self.place}"
        self.say(f"i = {self.place}; {a} = {at}")
        if size == 1:
            quick = f"lines[{a} + rd[{a} >> 12] & -64].data[{a} & 63]"
        else:
            quick = f"U{size}(lines[{a} + rd[{a} >> 12] & -64].data, {a} & 63)[0]"
        self.say(f"try: {name} = {quick}")
        self.say(f"except MISS: {name} = x.load({a}, {size}); s = x.stale")
        self.touched = True

    def store(self, at: str, size: int, value: str) -> None:
        """Every expression in ``value`` is evaluated once, before anything changes."""
        k = self.place
        self.say(f"i = {k}; w{k} = {at}; v = {value}")
        self.say(f"try: h = w{k} & 63; p = w{k} + wr[w{k} >> 12] & -64; q = lines[p].data")
        self.say("except MISS: h = 64")
        self.say(f"if h > {64 - size} or p in code: x.store(w{k}, {size}, v); s = x.stale")
        piece = "BYTE[v]" if size == 1 else f"P{size}(v)"
        self.say(f"else: lines[p] = LINE(q[:h] + {piece} + q[h + {size}:], True, x.package)")
        self.touched = True

    def read(self, ins: Instruction, op: int, size: int) -> str:
        """An expression without effects for an operand's unsigned value."""
        kind = ins.op_kind(op)
        if kind == OpKind.REGISTER:
            return self.register(ins.op_register(op))
        if kind == OpKind.MEMORY:
            name = f"l{self.place}"
            self.load(self.address(ins), size, name)
            self.loaded = True
            return name
        return str(ins.immediate(op) & (1 << size * 8) - 1)

    def write(self, ins: Instruction, op: int, size: int, value: str) -> None:
        if ins.op_kind(op) == OpKind.REGISTER:
            self.put(ins.op_register(op), value)
        else:
            self.store(f"m{self.place}" if self.loaded else self.address(ins), size, value)

    # --- stack ----------------------------------------------------------------------------

    def push(self, size: int, value: str) -> None:
        wrap = U64 if self.bits == 64 else WORD
        self.say(f"y = g[{RSP}] - {size} & {wrap}")
        self.store("y", size, value)
        self.say(f"g[{RSP}] = y")
        self.narrow.discard(RSP)

    def pop(self, size: int, name: str, extra: int = 0, *, checks: bool = False) -> None:
        """``checks``: the value must be an address."""
        wrap = U64 if self.bits == 64 else WORD
        self.load(f"g[{RSP}]", size, name)
        if checks:
            self.say(f"if {name} >> 47 and {name} >> 47 != 0x1FFFF: raise Fault(13, 0)")
        self.say(f"g[{RSP}] = m{self.place} + {size + extra} & {wrap}")
        self.narrow.discard(RSP)

    # --- flags ----------------------------------------------------------------------------

    def wrote(self, family: str, size: int) -> None:
        """This instruction's flags follow from ``a``, ``b``, ``t`` of its place."""
        if self.needed:
            self.writers.append(Writer(self.place, family, size * 8))

    def fold(self) -> None:
        """Compute the current six flags into ``F``."""
        start = max((n for n, w in enumerate(self.writers) if w.full), default=-1)
        if start < 0:
            self.say("F = x.settle()")
        for w in self.writers[max(start, 0) :]:
            old = "0" if w.full else "F"
            self.say(f"F = {w.kind}({old}, {w.operands})")

    def settle(self) -> None:
        """Make RFLAGS true now."""
        if self.writers:
            self.fold()
            self.say("x.put_flags(F)")
        else:
            self.say("x.settle()")
        self.writers = []

    def carry(self) -> str:
        """An expression for CF."""
        last = self.writers[-1] if self.writers else None
        if last is None:
            return "x.carry()"
        match last.family:
            case "sub" | "sbb":
                return f"int(t{last.place} < 0)"
            case "add" | "adc":
                return f"t{last.place} >> {last.bits}"
            case "log":
                return "0"
            case "inc" | "dec":
                return f"b{last.place}"
        self.fold()
        return "F & 1"

    def condition(self, code: int) -> str:
        """A truth-valued expression for condition code 0..15."""
        last = self.writers[-1] if self.writers else None
        found = _shortcut(code >> 1, last) if last is not None else None
        if found is None:
            self.fold()
            found = "(" + ON_FLAGS[code >> 1].format(F="F") + ")"
        return f"not {found}" if code & 1 else found

    def leave_pending(self) -> None:
        """At the end of a block: what the flags are waits in ``x``."""
        if not self.writers:
            return
        last = self.writers[-1]
        if last.full:
            self.say(f"x.pend = {last.kind}, {last.operands}")
        else:
            self.fold()
            self.say("x.put_flags(F)")

    def end(self, target: str) -> None:
        """Last words of a block: where it goes on."""
        self.leave_pending()
        self.go(target)

    def go(self, target: str) -> None:
        """The jump itself."""
        if self.touched:
            self.say(f"if s: return x.leave({self.place + 1}, {target})")
        self.say(f"return {target}")


def _shortcut(pair: int, w: Writer) -> str | None:
    """Conditions straight from operands: pair 1 is CF, 2 ZF, 3 CF or ZF, 4 SF, 6 SF != OF, 7 or ZF."""
    a, b, t, top = f"a{w.place}", f"b{w.place}", f"t{w.place}", 1 << w.bits - 1
    if w.family == "sub":
        return {
            1: f"({t} < 0)", 2: f"({t} == 0)", 3: f"({t} <= 0)", 4: f"({t} & {top})",
            6: f"(({a} ^ {top}) < ({b} ^ {top}))", 7: f"(({a} ^ {top}) <= ({b} ^ {top}))",
        }.get(pair)  # fmt: skip
    if w.family == "log":
        sign = f"({t} & {top})"
        return {
            0: "(False)", 1: "(False)", 2: f"({t} == 0)", 3: f"({t} == 0)", 4: sign, 6: sign,
            7: f"({t} == 0 or {sign})",
        }.get(pair)  # fmt: skip
    if w.full:
        keep = (1 << w.bits) - 1
        carry = f"({t} >> {w.bits})" if w.family in ("add", "adc") else None
        return {1: carry, 2: f"({t} & {keep} == 0)", 4: f"({t} & {top})"}.get(pair)
    return None
