"""Directives: what begins with a dot."""

from collections.abc import Callable
from typing import Protocol

from tdxviz.core.guest.asm.errors import SourceError
from tdxviz.core.guest.asm.expression import Stream, Value, parse
from tdxviz.core.guest.asm.program import Section
from tdxviz.core.guest.asm.scan import Token, string_bytes
from tdxviz.core.nearest import did_you_mean


class Pass(Protocol):
    """What a directive may touch of the assembly under way."""

    bits: int
    includes: dict[str, bytes]

    @property
    def section(self) -> Section: ...
    def enter(self, name: str) -> None: ...
    def define(self, token: Token, value: Value) -> None: ...


Run = Callable[[Pass, Token, Stream], None]
WIDTHS = {
    ".byte": 1, ".word": 2, ".short": 2, ".value": 2, ".2byte": 2, ".long": 4, ".int": 4, ".4byte": 4,
    ".quad": 8, ".8byte": 8,
}  # fmt: skip
IGNORED = {".globl", ".global", ".type", ".size", ".ident", ".file", ".weak", ".hidden", ".p2alignw"}


def run(job: Pass, word: Token, stream: Stream) -> None:
    """Carry one directive out. Raises SourceError for an unknown or wrong one."""
    name = word.text.lower()
    if name in IGNORED:
        return
    if name in (".text", ".data", ".bss", ".rodata"):
        job.enter(name)
    elif name in WIDTHS:
        _numbers(job, stream, WIDTHS[name])
    elif name in TABLE:
        TABLE[name](job, word, stream)
    else:
        known = (*TABLE, *WIDTHS, *IGNORED, ".text", ".data", ".bss", ".rept", ".endr")
        hint = did_you_mean(name, known)
        raise SourceError(word.column, f"the directive {name} is unknown; {hint}")
    stream.end()


def _constant(stream: Stream, what: str) -> int:
    """A number that is no address."""
    column = stream.peek().column
    value = parse(stream)
    if value.address:
        raise SourceError(column, f"{what} must be a number, not an address")
    return value.number


def _numbers(job: Pass, stream: Stream, width: int) -> None:
    while True:
        column = stream.peek().column
        value = parse(stream).number
        if not -(1 << width * 8 - 1) <= value < 1 << width * 8:
            raise SourceError(column, f"{value:#x} does not fit into {width} bytes")
        job.section.put((value & (1 << width * 8) - 1).to_bytes(width, "little"), column)
        if not stream.accept(","):
            return


def _text(job: Pass, word: Token, stream: Stream) -> None:
    while True:
        token = stream.take()
        if token.kind != "string":
            raise SourceError(token.column, f'{word.text} wants a string in "quotes"')
        end = b"" if word.text.lower() == ".ascii" else b"\x00"
        job.section.put(string_bytes(token) + end, token.column)
        if not stream.accept(","):
            return


def _zero(job: Pass, word: Token, stream: Stream) -> None:
    count = _constant(stream, "the count")
    byte = _constant(stream, "the value") if stream.accept(",") else 0
    job.section.fill(count, byte & 255, job.bits, word.column)


def _fill(job: Pass, word: Token, stream: Stream) -> None:
    """``.fill repeat, size, value``"""
    count = _constant(stream, "the count")
    size = _constant(stream, "the size") if stream.accept(",") else 1
    value = _constant(stream, "the value") if stream.accept(",") else 0
    if not 0 <= size <= 8:
        raise SourceError(word.column, f"a size of {size} bytes must be 0..8")
    if not 0 <= count * size <= 1 << 24:
        raise SourceError(word.column, f"{count} times {size} bytes is too much")
    job.section.put((value & (1 << size * 8) - 1).to_bytes(size, "little") * count, word.column)


def _align(job: Pass, word: Token, stream: Stream) -> None:
    step = _constant(stream, "the alignment")
    if word.text.lower() == ".p2align":
        step = 1 << step if 0 <= step <= 16 else 0
    if step < 1 or step & step - 1 or step > 1 << 16:
        raise SourceError(word.column, f"an alignment must be a power of two up to {1 << 16}")
    byte: int | None = None if job.section.name in (".text",) else 0
    if stream.accept(","):
        byte = _constant(stream, "the filler") & 255
    job.section.fill(-job.section.here % step, byte, job.bits, word.column)


def _org(job: Pass, word: Token, stream: Stream) -> None:
    """Forward to an offset in the section."""
    wanted = parse(stream)
    offset = wanted.number - (job.section.address if wanted.address else 0)
    if offset < job.section.size:
        raise SourceError(word.column, f".org cannot go back from {job.section.size:#x} to {offset:#x}")
    job.section.fill(offset - job.section.size, 0, job.bits, word.column)


def _set(job: Pass, word: Token, stream: Stream) -> None:
    name = stream.take()
    if name.kind != "name":
        raise SourceError(name.column, f"{word.text} wants a name first")
    stream.expect(",", "after the name")
    job.define(name, parse(stream))


def _section(job: Pass, word: Token, stream: Stream) -> None:
    name = stream.take()
    if name.kind not in ("name", "string"):
        raise SourceError(name.column, ".section wants a name, for example .rodata")
    stream.at = len(stream.tokens)  # flags are for a linker
    job.enter(name.text.strip('"'))


def _code(job: Pass, word: Token, stream: Stream) -> None:
    if word.text == ".code16":
        raise SourceError(word.column, "16-bit code is not modelled; a TD starts in 32-bit mode")
    job.bits = 64 if word.text == ".code64" else 32


def _syntax(job: Pass, word: Token, stream: Stream) -> None:
    if stream.peek().text == "noprefix":
        stream.take()


def _att(job: Pass, word: Token, stream: Stream) -> None:
    raise SourceError(word.column, "only Intel syntax is understood; write mov rax, 1 for mov $1, %rax")


def _incbin(job: Pass, word: Token, stream: Stream) -> None:
    token = stream.take()
    name = string_bytes(token).decode("utf-8", "replace") if token.kind == "string" else ""
    if name not in job.includes:
        raise SourceError(
            token.column, f"{token.text}: no file is read from here; write the bytes with .byte"
        )
    job.section.put(job.includes[name], token.column)


def _macro(job: Pass, word: Token, stream: Stream) -> None:
    raise SourceError(word.column, f"{word.text} is not known here; .rept repeats, .set names a number")


def _include(job: Pass, word: Token, stream: Stream) -> None:
    """``source`` has written out those of the source itself."""
    raise SourceError(word.column, "an included text cannot include another")


TABLE: dict[str, Run] = {
    ".ascii": _text, ".asciz": _text, ".string": _text, ".zero": _zero, ".skip": _zero, ".space": _zero,
    ".fill": _fill, ".align": _align, ".balign": _align, ".p2align": _align, ".org": _org, ".set": _set,
    ".equ": _set, ".section": _section, ".code16": _code, ".code32": _code, ".code64": _code,
    ".intel_syntax": _syntax, ".att_syntax": _att, ".incbin": _incbin, ".macro": _macro, ".include": _include,
    ".if": _macro, ".ifdef": _macro,
}  # fmt: skip
