"""Expressions over numbers and symbols, with C's precedence."""

from collections.abc import Callable
from typing import NamedTuple

from tdxviz.core.guest.asm.errors import SourceError
from tdxviz.core.guest.asm.scan import Token, string_bytes
from tdxviz.core.units import U64

LEVELS = (("|",), ("^",), ("&",), ("<<", ">>"), ("+", "-"), ("*", "/", "%"))
DEEPEST = 40


class Value(NamedTuple):
    """``address``: the value moves with a section; a difference of two addresses does not."""

    number: int
    address: bool = False


Lookup = Callable[[Token], Value]
"""A symbol's value. Raises SourceError for an unknown one."""


class Stream:
    """Tokens of one statement, read from left to right."""

    def __init__(self, tokens: list[Token], lookup: Lookup) -> None:
        self.tokens, self.lookup = tokens, lookup
        self.at = 0
        self.depth = 0

    def peek(self, ahead: int = 0) -> Token:
        """The token to come; one of kind ``end`` after the last."""
        if self.at + ahead < len(self.tokens):
            return self.tokens[self.at + ahead]
        last = self.tokens[-1] if self.tokens else Token("end", "", 1)
        return Token("end", "", last.column + len(last.text))

    def take(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def accept(self, sign: str) -> bool:
        if self.peek().kind == "sign" and self.peek().text == sign:
            self.at += 1
            return True
        return False

    def expect(self, sign: str, where: str) -> None:
        if not self.accept(sign):
            raise SourceError(self.peek().column, f"{sign!r} is missing {where}")

    def end(self) -> None:
        """Raises SourceError unless everything was read."""
        if self.peek().kind != "end":
            raise SourceError(self.peek().column, f"{self.peek().text!r} is not expected here")


def parse(stream: Stream, level: int = 0) -> Value:
    """One expression. Raises SourceError where it breaks."""
    if level == len(LEVELS):
        return _unary(stream)
    left = parse(stream, level + 1)
    while stream.peek().kind == "sign" and stream.peek().text in LEVELS[level]:
        sign = stream.take()
        left = _apply(sign, left, parse(stream, level + 1))
    return left


def _apply(sign: Token, a: Value, b: Value) -> Value:
    x, y = a.number, b.number
    if sign.text in ("/", "%") and y == 0:
        raise SourceError(sign.column, "division by zero")
    if sign.text in ("<<", ">>") and not 0 <= y < 64:
        raise SourceError(sign.column, f"a shift by {y} must be 0..63")
    if sign.text == "+":
        return Value(x + y, a.address or b.address)
    if sign.text == "-":
        return Value(x - y, a.address and not b.address)
    quotient = abs(x) // abs(y or 1) * (1 if (x < 0) == (y < 0) else -1)
    results = {
        "*": x * y, "/": quotient, "%": x - quotient * y, "&": x & y, "|": x | y, "^": x ^ y,
        "<<": x << (y & 63), ">>": x >> (y & 63),
    }  # fmt: skip
    return Value(_bounded(sign, results[sign.text]), False)


def _bounded(sign: Token, value: int) -> int:
    if not -(1 << 127) < value < 1 << 127:
        raise SourceError(sign.column, "the result is larger than any register")
    return value


def _unary(stream: Stream) -> Value:
    stream.depth += 1
    if stream.depth > DEEPEST:
        raise SourceError(stream.peek().column, f"the expression is nested more than {DEEPEST} deep")
    try:
        return _primary(stream)
    finally:
        stream.depth -= 1


def _primary(stream: Stream) -> Value:
    token = stream.take()
    match token.kind, token.text:
        case "sign", "-":
            return Value(-_unary(stream).number)
        case "sign", "~":
            return Value(~_unary(stream).number)
        case "sign", "+":
            return _unary(stream)
        case "sign", "(":
            value = parse(stream)
            stream.expect(")", "to close the bracket")
            return value
        case "number", text if text[-1] in "bf" and text[:2].lower() not in ("0x", "0b"):
            return stream.lookup(token)
        case "number", text:
            return Value(number(token))
        case "char", _:
            return Value(_character(token))
        case "name", _:
            return stream.lookup(token)
    raise SourceError(token.column, "a number or a name is missing here")


def _character(token: Token) -> int:
    """One byte, as GNU as takes it. Raises SourceError for a character that is several in UTF-8."""
    found = string_bytes(token)
    if len(found) != 1:
        raise SourceError(
            token.column,
            f"{token.text} is {len(found)} bytes in UTF-8; write the byte as a number, or use .ascii",
        )
    return found[0]


def number(token: Token) -> int:
    """0x1A, 0b101, 26; a leading 0 is octal, as in GNU as. Raises SourceError beyond 64 bits."""
    text = token.text.replace("_", "")
    try:
        value = int(text, 8) if text.isdigit() and len(text) > 1 and text[0] == "0" else int(text, 0)
    except ValueError:
        raise SourceError(token.column, f"{token.text!r} is no number") from None
    if value > U64:
        raise SourceError(token.column, f"{token.text} needs more than 64 bits")
    return value
