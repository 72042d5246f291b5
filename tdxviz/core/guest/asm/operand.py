"""Operands in Intel syntax: registers, immediates, memory, branch targets."""

from dataclasses import replace

from tdxviz.core.guest import encoder
from tdxviz.core.guest.asm.errors import SourceError
from tdxviz.core.guest.asm.expression import Stream, Value, parse
from tdxviz.core.guest.asm.scan import Token
from tdxviz.core.guest.encoder import Imm, Mem, Operand, Reg, Target
from tdxviz.core.nearest import did_you_mean

SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")


def operands(stream: Stream, *, branch: bool, bits: int) -> tuple[Operand, ...]:
    """All operands of an instruction. Raises SourceError where they break."""
    found: list[Operand] = []
    while stream.peek().kind != "end":
        found.append(_operand(stream, branch, bits))
        if not stream.accept(","):
            break
        if stream.peek().kind == "end":
            raise SourceError(stream.peek().column, "an operand is missing after the comma")
    stream.end()
    return tuple(found)


def _operand(stream: Stream, branch: bool, bits: int) -> Operand:
    token = stream.peek()
    name = token.text.lower()
    if token.kind == "name" and name in encoder.SIZES and stream.peek(1).text.lower() == "ptr":
        stream.at += 2
        return _memory(stream, encoder.SIZES[name], bits)
    if token.kind == "name" and name in SEGMENTS and stream.peek(1).text == ":":
        return _memory(stream, 0, bits)
    if token.kind == "name" and name in encoder.NAMES:
        stream.take()
        return Reg(encoder.NAMES[name])
    if token.kind == "name" and name == "offset":
        stream.take()
        return Imm(parse(stream).number, wide=True)
    if token.text == "[":
        return _memory(stream, 0, bits)
    value = parse(stream)
    if stream.peek().text == "[":
        return _bracket(stream, Mem(), value, bits)
    if branch:
        return Target(value.number)
    if value.address:
        raise SourceError(
            token.column,
            f"write [{token.text}] for what is stored there, offset {token.text} for its address",
        )
    return Imm(value.number)


def _memory(stream: Stream, size: int, bits: int) -> Mem:
    mem, token = Mem(size), stream.peek()
    if token.text.lower() in SEGMENTS and stream.peek(1).text == ":":
        stream.at += 2
        mem = replace(mem, segment=encoder.NAMES[token.text.lower()])
    before = Value(0) if stream.peek().text == "[" else parse(stream)
    if stream.peek().text == "[":
        return _bracket(stream, mem, before, bits)
    return replace(mem, displacement=before.number, wide=True)


def _bracket(stream: Stream, mem: Mem, before: Value, bits: int) -> Mem:
    """``[base + index*scale + displacement]``, in any order."""
    opening = stream.take()
    total, wide, minus = before.number, before.address, False
    while True:
        token = stream.peek()
        register = _register(stream)
        if register is not None:
            if minus:
                raise SourceError(token.column, "a register cannot be subtracted in an address")
            mem = _with_register(mem, token, *register, bits)
        else:
            value = _term(stream)
            total += -value.number if minus else value.number
            wide = wide != value.address if minus else wide or value.address
        if stream.accept("]"):
            break
        minus = stream.peek().text == "-"
        if not (stream.accept("+") or stream.accept("-")):
            raise SourceError(stream.peek().column, "']' is missing after the address")
    if mem.relative and not wide:
        raise SourceError(opening.column, "rip needs a label: [rip + label]")
    return replace(mem, displacement=total, wide=wide)


def _term(stream: Stream) -> Value:
    """A product; sums are read one by one, because registers may stand between them."""
    return parse(stream, 5)


def _register(stream: Stream) -> tuple[str, int] | None:
    """``reg``, ``reg*4`` or ``4*reg``: name and scale (0: none given)."""
    token = stream.peek()
    if token.kind == "number" and stream.peek(1).text == "*" and _is_register(stream.peek(2)):
        stream.at += 3
        return stream.tokens[stream.at - 1].text.lower(), _scale(token)
    if not _is_register(token):
        return None
    stream.take()
    if stream.accept("*"):
        return token.text.lower(), _scale(stream.take())
    return token.text.lower(), 0


def _is_register(token: Token) -> bool:
    return token.kind == "name" and token.text.lower() in (*encoder.NAMES, "rip")


def _scale(token: Token) -> int:
    if token.text not in ("1", "2", "4", "8"):
        raise SourceError(token.column, f"the scale {token.text!r} must be 1, 2, 4 or 8")
    return int(token.text)


def _with_register(mem: Mem, token: Token, name: str, scale: int, bits: int) -> Mem:
    if name == "rip":
        if mem.base or mem.index or scale:
            raise SourceError(token.column, "rip goes with a label only")
        return replace(mem, relative=True)
    number = encoder.NAMES[name]
    width = encoder.CLASS_OF[number]
    if mem.relative or width not in ("R32", "R64") or (bits == 32 and width == "R64"):
        wanted = "a 64-bit register" if bits == 64 else "a 32-bit register"
        raise SourceError(token.column, f"{name} cannot be part of this address; use {wanted}")
    if scale:
        if mem.index:
            raise SourceError(token.column, "only one register can be scaled")
        return replace(mem, index=number, scale=scale)
    if not mem.base:
        return replace(mem, base=number)
    if mem.index:
        raise SourceError(token.column, "an address has at most two registers")
    if name in ("rsp", "esp"):
        return replace(mem, base=number, index=mem.base)
    return replace(mem, index=number)


def unknown(token: Token, symbols: tuple[str, ...]) -> SourceError:
    """The error for a name that nothing defines."""
    hint = did_you_mean(token.text, (*symbols, *encoder.NAMES))
    near = hint if hint.startswith("did") else "define it as a label, or with .set"
    return SourceError(token.column, f"nothing is called {token.text!r}; {near}")
