"""Which instructions have source for translated blocks, and what they do to flags there."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from tdxviz.core.guest.decoder import Code, Instruction, OpKind, Register
from tdxviz.core.guest.emit import NotEmitted, Source
from tdxviz.core.guest.ops_move import CONDITIONS
from tdxviz.core.guest.table import operand_size
from tdxviz.core.hw.cpu import RAX, RBP, RCX, RSP
from tdxviz.core.hw.walk import is_canonical
from tdxviz.core.units import U64

Emit: TypeAlias = Callable[[Source, Instruction], None]
GPRS = range(Register.AL, Register.R15 + 1)
NEAR = {OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64}
LOOPS = {Code.LOOP_REL8_64_RCX: U64, Code.LOOP_REL8_32_ECX: 0xFFFF_FFFF}


class Row(NamedTuple):
    emit: Emit
    writes: str = ""
    """``full``, ``keeps-carry`` (reads it too), ``part``, or nothing."""
    reads: bool = False
    ends: bool = False
    """Ends a block: the text returns the next RIP."""


def _keep(size: int) -> int:
    return (1 << size * 8) - 1


def _signed(text: str, size: int) -> str:
    top = 1 << size * 8 - 1
    return f"(({text} ^ {top}) - {top})"


# --- arithmetic -----------------------------------------------------------------------------------


def _add_like(sign: str, family: str, *, carry: bool = False, keep: bool = True) -> Emit:
    def emit(s: Source, ins: Instruction) -> None:
        size, k = operand_size(ins), s.place
        left, right = s.read(ins, 0, size), s.read(ins, 1, size)
        if s.needed:
            s.say(f"a{k} = {left}; b{k} = {right}")
            left, right = f"a{k}", f"b{k}"
        total = f"{left} {sign} {right}" + (f" {sign} ({s.carry()})" if carry else "")
        if s.needed:
            s.say(f"t{k} = {total}")
            total = f"t{k}"
        if keep:
            s.write(ins, 0, size, f"{total} & {_keep(size)}")
        s.wrote(family, size)

    return emit


def _logic(sign: str, *, keep: bool = True) -> Emit:
    def emit(s: Source, ins: Instruction) -> None:
        size, k = operand_size(ins), s.place
        left, right = s.read(ins, 0, size), s.read(ins, 1, size)
        text = "0" if sign == "^" and left == right else f"{left} {sign} {right}"
        if s.needed:
            s.say(f"t{k} = {text}")
            text = f"t{k}"
        if keep:
            s.write(ins, 0, size, text)
        s.wrote("log", size)

    return emit


def _step(sign: str, family: str) -> Emit:
    def emit(s: Source, ins: Instruction) -> None:
        size, k = operand_size(ins), s.place
        value = s.read(ins, 0, size)
        text = f"{value} {sign} 1"
        if s.needed:
            s.say(f"b{k} = {s.carry()}")
            s.say(f"a{k} = {value}; t{k} = {text}")
            text = f"t{k}"
        s.write(ins, 0, size, f"{text} & {_keep(size)}")
        s.wrote(family, size)

    return emit


def neg(s: Source, ins: Instruction) -> None:
    size, k = operand_size(ins), s.place
    s.say(f"a{k} = 0; b{k} = {s.read(ins, 0, size)}; t{k} = -b{k}")
    s.write(ins, 0, size, f"t{k} & {_keep(size)}")
    s.wrote("sub", size)


def not_(s: Source, ins: Instruction) -> None:
    size = operand_size(ins)
    s.write(ins, 0, size, f"{s.read(ins, 0, size)} ^ {_keep(size)}")


def imul(s: Source, ins: Instruction) -> None:
    if ins.op_count == 1:
        raise NotEmitted
    size, k, last = operand_size(ins), s.place, ins.op_count - 1
    left, right = s.read(ins, last - 1, size), s.read(ins, last, size)
    s.say(f"b{k} = {_signed(left, size)} * {_signed(right, size)}; t{k} = b{k} & {_keep(size)}")
    if s.needed:
        s.say(f"a{k} = {_signed(f't{k}', size)} != b{k}")
    s.write(ins, 0, size, f"t{k}")
    s.wrote("mul", size)


def _shift(family: str, text: str) -> Emit:
    """``text`` makes ``t`` from ``a``, the count and what the width needs."""

    def emit(s: Source, ins: Instruction) -> None:
        size, k = operand_size(ins), s.place
        if ins.op_kind(1) != OpKind.IMMEDIATE8:
            raise NotEmitted
        count = ins.immediate(1) & (63 if size == 8 else 31)
        if not 0 < count < size * 8:
            raise NotEmitted
        value = s.read(ins, 0, size)
        s.say(f"a{k} = {_signed(value, size) if family == 'sar' else value}; b{k} = {count}")
        s.say(f"t{k} = " + text.format(a=f"a{k}", n=count, m=size * 8 - count, keep=_keep(size)))
        s.write(ins, 0, size, f"t{k} & {_keep(size)}" if family == "shl" else f"t{k}")
        s.wrote(family, size)

    return emit


def _bit(change: str) -> Emit:
    def emit(s: Source, ins: Instruction) -> None:
        size, k = operand_size(ins), s.place
        if ins.op_kind(0) != OpKind.REGISTER:
            raise NotEmitted
        a = b = f"b{k}"
        s.say(f"a{k} = {s.read(ins, 0, size)}; {b} = {s.read(ins, 1, size)} & {size * 8 - 1}")
        a = f"a{k}"
        s.say(f"t{k} = {a} >> {b} & 1")
        if change:
            s.write(ins, 0, size, change.format(a=a, bit=f"(1 << {b})"))
        s.wrote("bit", size)

    return emit


# --- moves ----------------------------------------------------------------------------------------


def mov(s: Source, ins: Instruction) -> None:
    size = operand_size(ins)
    s.write(ins, 0, size, s.read(ins, 1, size))


def movzx(s: Source, ins: Instruction) -> None:
    s.put(ins.op_register(0), s.read(ins, 1, operand_size(ins, 1)))


def movsx(s: Source, ins: Instruction) -> None:
    small, size = operand_size(ins, 1), operand_size(ins)
    s.put(ins.op_register(0), f"{_signed(s.read(ins, 1, small), small)} & {_keep(size)}")


def lea(s: Source, ins: Instruction) -> None:
    size = operand_size(ins)
    text = s.address(ins, segmented=False)
    s.put(ins.op_register(0), text if size == 8 else f"({text}) & {_keep(size)}")


def xchg(s: Source, ins: Instruction) -> None:
    if OpKind.MEMORY in (ins.op_kind(0), ins.op_kind(1)):
        raise NotEmitted
    size = operand_size(ins)
    s.say(f"v = {s.read(ins, 0, size)}; y = {s.read(ins, 1, size)}")
    s.put(ins.op_register(0), "y")
    s.put(ins.op_register(1), "v")


def bswap(s: Source, ins: Instruction) -> None:
    size = operand_size(ins)
    if size == 2:
        raise NotEmitted
    s.put(ins.op_register(0), f"B{size}(P{size}({s.read(ins, 0, size)}))[0]")


def _widen(small: int, size: int) -> Emit:
    """CBW and its like (source narrower than destination) in the accumulator."""
    register = {2: Register.AX, 4: Register.EAX, 8: Register.RAX}
    source = {1: Register.AL, 2: Register.AX, 4: Register.EAX}

    def emit(s: Source, ins: Instruction) -> None:
        s.put(register[size], f"{_signed(s.register(source[small]), small)} & {_keep(size)}")

    return emit


def _spread(size: int) -> Emit:
    target = {2: Register.DX, 4: Register.EDX, 8: Register.RDX}[size]

    def emit(s: Source, ins: Instruction) -> None:
        s.put(target, f"{_keep(size)} if g[{RAX}] & {1 << size * 8 - 1} else 0")

    return emit


def _cmov(code: int) -> Emit:
    def emit(s: Source, ins: Instruction) -> None:
        size = operand_size(ins)
        s.say(f"v = {s.read(ins, 1, size)}")
        true = s.condition(code)
        s.put(ins.op_register(0), f"v if {true} else {s.register(ins.op_register(0))}")

    return emit


def _set(code: int) -> Emit:
    def emit(s: Source, ins: Instruction) -> None:
        s.write(ins, 0, 1, f"1 if {s.condition(code)} else 0")

    return emit


# --- stack and control ----------------------------------------------------------------------------


def _word(s: Source) -> int:
    return s.bits // 8


def push(s: Source, ins: Instruction) -> None:
    size = _word(s)
    if ins.stack_pointer_increment != -size:
        raise NotEmitted
    s.push(size, s.read(ins, 0, size))


def pop(s: Source, ins: Instruction) -> None:
    size = _word(s)
    if ins.op_kind(0) != OpKind.REGISTER or ins.stack_pointer_increment != size:
        raise NotEmitted
    s.pop(size, "v")
    s.put(ins.op_register(0), "v")


def leave(s: Source, ins: Instruction) -> None:
    size = _word(s)
    if s.bits != 64:
        raise NotEmitted
    s.load(f"g[{RBP}]", size, "v")
    s.say(f"g[{RSP}] = m{s.place} + {size} & {U64}; g[{RBP}] = v")
    s.narrow -= {RSP, RBP}


def call(s: Source, ins: Instruction) -> None:
    target = _target(s, ins)
    s.push(_word(s), str(ins.next_ip))
    if ins.near_branch_target != ins.next_ip:
        s.say(f"x.calls.append(({ins.next_ip}, x.who))")
    s.end(target)


def ret(s: Source, ins: Instruction) -> None:
    if ins.stack_pointer_increment - (ins.immediate(0) if ins.op_count else 0) != _word(s):
        raise NotEmitted
    s.pop(_word(s), "z", ins.immediate(0) if ins.op_count else 0, checks=s.bits == 64)
    s.leave_pending()
    s.say("c = x.calls")
    s.say(f"if c and (c[-1][0] != z or not c.pop()): x.returned({ins.ip}, z); s = x.stale")
    s.go("z")


def jmp(s: Source, ins: Instruction) -> None:
    s.end(_target(s, ins))


def _target(s: Source, ins: Instruction) -> str:
    if ins.op_kind(0) in NEAR and is_canonical(ins.near_branch_target):
        return str(ins.near_branch_target)
    raise NotEmitted  # an indirect branch trains the predictor


def _jcc(code: int) -> Emit:
    def emit(s: Source, ins: Instruction) -> None:
        if ins.op_kind(0) not in NEAR or not is_canonical(ins.near_branch_target):
            raise NotEmitted
        s.end(f"{ins.near_branch_target} if {s.condition(code)} else {ins.next_ip}")

    return emit


def loop(s: Source, ins: Instruction) -> None:
    if ins.code not in LOOPS or not is_canonical(ins.near_branch_target):
        raise NotEmitted
    s.say(f"g[{RCX}] = g[{RCX}] - 1 & {LOOPS[ins.code]}")
    s.narrow.discard(RCX)
    s.end(f"{ins.near_branch_target} if g[{RCX}] else {ins.next_ip}")


def nothing(s: Source, ins: Instruction) -> None:
    pass


def only_general(ins: Instruction) -> bool:
    """Every register operand is a general one."""
    return all(ins.op_register(n) in GPRS for n in range(ins.op_count) if ins.op_kind(n) == OpKind.REGISTER)


TABLE: dict[str, Row] = {
    "ADD": Row(_add_like("+", "add"), "full"),
    "ADC": Row(_add_like("+", "adc", carry=True), "full", reads=True),
    "SUB": Row(_add_like("-", "sub"), "full"),
    "SBB": Row(_add_like("-", "sbb", carry=True), "full", reads=True),
    "CMP": Row(_add_like("-", "sub", keep=False), "full"),
    "AND": Row(_logic("&"), "full"),
    "OR": Row(_logic("|"), "full"),
    "XOR": Row(_logic("^"), "full"),
    "TEST": Row(_logic("&", keep=False), "full"),
    "INC": Row(_step("+", "inc"), "keeps-carry"),
    "DEC": Row(_step("-", "dec"), "keeps-carry"),
    "NEG": Row(neg, "full"),
    "NOT": Row(not_),
    "IMUL": Row(imul, "full"),
    "SHL": Row(_shift("shl", "{a} << {n}"), "full"),
    "SHR": Row(_shift("shr", "{a} >> {n}"), "full"),
    "SAR": Row(_shift("sar", "{a} >> {n} & {keep}"), "full"),
    "ROL": Row(_shift("rol", "({a} << {n} | {a} >> {m}) & {keep}"), "part"),
    "ROR": Row(_shift("ror", "({a} >> {n} | {a} << {m}) & {keep}"), "part"),
    "BT": Row(_bit(""), "part"),
    "BTS": Row(_bit("{a} | {bit}"), "part"),
    "BTR": Row(_bit("{a} & ~{bit}"), "part"),
    "BTC": Row(_bit("{a} ^ {bit}"), "part"),
    "MOV": Row(mov),
    "MOVZX": Row(movzx),
    "MOVSX": Row(movsx),
    "MOVSXD": Row(movsx),
    "LEA": Row(lea),
    "XCHG": Row(xchg),
    "BSWAP": Row(bswap),
    "CBW": Row(_widen(1, 2)),
    "CWDE": Row(_widen(2, 4)),
    "CDQE": Row(_widen(4, 8)),
    "CWD": Row(_spread(2)),
    "CDQ": Row(_spread(4)),
    "CQO": Row(_spread(8)),
    "PUSH": Row(push),
    "POP": Row(pop),
    "LEAVE": Row(leave),
    "CALL": Row(call, ends=True),
    "RET": Row(ret, ends=True),
    "JMP": Row(jmp, ends=True),
    "LOOP": Row(loop, ends=True),
    **dict.fromkeys(("NOP", "PAUSE", "LFENCE", "MFENCE", "SFENCE", "ENDBR64"), Row(nothing)),
    **{f"J{name}": Row(_jcc(n), reads=True, ends=True) for n, name in enumerate(CONDITIONS)},
    **{f"CMOV{name}": Row(_cmov(n), reads=True) for n, name in enumerate(CONDITIONS)},
    **{f"SET{name}": Row(_set(n), reads=True) for n, name in enumerate(CONDITIONS)},
}
