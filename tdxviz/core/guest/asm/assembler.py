"""The passes: assemble again until no address moves any more. Branches start short and only grow."""

from tdxviz.core.guest import encoder
from tdxviz.core.guest.asm import directive, operand
from tdxviz.core.guest.asm.errors import AssemblyError, Problem, SourceError
from tdxviz.core.guest.asm.expression import Stream, Value, parse
from tdxviz.core.guest.asm.library import library
from tdxviz.core.guest.asm.program import BASE, Assembly, Section, placed
from tdxviz.core.guest.asm.scan import Token
from tdxviz.core.guest.asm.source import Statement, read
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import Gla

MOST_PASSES = 60
MOST_PROBLEMS = 20


def assemble(
    text: str, *, name: str = "", places: dict[str, Gla] | None = None, includes: dict[str, bytes] | None = None,
    bits: int = 64,
) -> Assembly:  # fmt: skip
    """A source text as machine code. ``places``: addresses of sections that must not move. ``includes``:
    what ``.incbin`` and ``.include`` know besides the library.

    Raises:
        AssemblyError: with every problem found, each at its line and column.
    """
    problems: list[Problem] = []
    known = library() | (includes or {})
    job = _Job(read(text, problems, known), places or {}, known, bits)
    if not problems:
        job.run(problems)
    if problems:
        raise AssemblyError(tuple(problems[:MOST_PROBLEMS]), name)
    return job.result()


class _Job:
    """One assembly. ``least``: bytes that the instruction of a statement has had in any pass."""

    def __init__(
        self, statements: list[Statement], places: dict[str, Gla], includes: dict[str, bytes], bits: int
    ) -> None:
        self.statements, self.places, self.includes, self.start_bits = statements, places, includes, bits
        self.labels = _labels(statements)
        self.least = [0] * len(statements)
        self.sections: dict[str, Section] = {}
        self.old: dict[str, Value] = {}
        self.numeric: dict[str, list[tuple[int, Gla]]] = {}
        self._begin()

    def _begin(self) -> None:
        self.bits, self.at = self.start_bits, 0
        self.sections = {name: Section(name, s.address) for name, s in self.sections.items()}
        self.symbols: dict[str, Value] = {}
        self.before, self.numeric = self.numeric, {}
        self.lines: dict[Gla, tuple[int, str]] = {}
        self.current = ".text"
        self.enter(".text")

    def run(self, problems: list[Problem]) -> None:
        """Pass after pass until two agree."""
        for number in range(MOST_PASSES):
            self._begin()
            for at, statement in enumerate(self.statements):
                self.at = at
                try:
                    self._statement(statement, number)
                except SourceError as slip:
                    problems.append(Problem(statement.line, slip.column, slip.text))
            if problems:
                return
            places = [(s.address, s.size) for s in self.sections.values()]
            placed(self.sections, self.places)
            settled = places == [(s.address, s.size) for s in self.sections.values()]
            if number and settled and self.old == self.symbols and self.before == self.numeric:
                return
            self.old = self.symbols
        problems.append(
            Problem(1, 1, "addresses depend on each other in a circle; use fewer .align and .org")
        )

    def result(self) -> Assembly:
        symbols = {name: value.number for name, value in self.symbols.items()}
        text = self.sections[".text"]
        entry = next((symbols[n] for n in ("_start", "main") if n in symbols), text.address)
        rows = sorted((s.address, s.name, bytes(s.data), s.size) for s in self.sections.values() if s.size)
        sections = tuple((name, address, data, size) for address, name, data, size in rows)
        return Assembly(sections, symbols, self.lines, entry)

    # --- what directives touch ------------------------------------------------------------------

    @property
    def section(self) -> Section:
        return self.sections[self.current]

    def enter(self, name: str) -> None:
        if name not in self.sections:
            self.sections[name] = Section(name, self.places.get(name, BASE))
        self.current = name

    def define(self, token: Token, value: Value) -> None:
        if token.text.lower() in encoder.NAMES:
            raise SourceError(token.column, f"{token.text} is a register; choose another name")
        self.symbols[token.text] = value

    # --- one statement --------------------------------------------------------------------------

    def _statement(self, statement: Statement, number: int) -> None:
        tokens = statement.tokens
        while len(tokens) > 1 and tokens[1].text == ":" and tokens[0].kind in ("name", "number"):
            if tokens[0].kind == "number" and not tokens[0].text.isdigit():
                raise SourceError(
                    tokens[0].column, f"{tokens[0].text!r} is no label; write 1: here and 1b or 1f there"
                )
            self._label(tokens[0])
            tokens = tokens[2:]
        if not tokens:
            return
        word, stream = tokens[0], Stream(tokens[1:], self._lookup)
        if word.kind == "name" and stream.peek().text == "=":
            stream.take()
            self.define(word, parse(stream))
            stream.end()
        elif word.text.startswith("."):
            directive.run(self, word, stream)
        elif word.kind == "name":
            self._instruction(statement, word, stream)
        else:
            raise SourceError(word.column, f"{word.text!r} begins no statement")

    def _label(self, token: Token) -> None:
        here = Value(self.section.here, True)
        if token.kind == "number":
            self.numeric.setdefault(token.text, []).append((self.at, here.number))
            return
        if token.text in self.symbols:
            raise SourceError(token.column, f"{token.text!r} is defined twice")
        self.define(token, here)

    def _lookup(self, token: Token) -> Value:
        if token.kind == "number":
            return self._numeric(token)
        if token.text == ".":
            return Value(self.section.here, True)
        for known in (self.symbols, self.old):
            if token.text in known:
                return known[token.text]
        if token.text in self.labels:  # the first pass does not know later labels yet
            return Value(self.section.here, True)
        raise operand.unknown(token, tuple(self.labels))

    def _numeric(self, token: Token) -> Value:
        """``1b``: the nearest ``1:`` before; ``1f``: the nearest after, from the pass before."""
        name, back = token.text[:-1], token.text[-1] == "b"
        seen = self.numeric.get(name, [])
        if back and seen:
            return Value(seen[-1][1], True)
        later = [at for n, at in self.before.get(name, []) if n > self.at]
        if not back and later:
            return Value(later[0], True)
        exists = f"{name}:" in self.labels
        if back or not exists or (self.before and not later):
            raise SourceError(token.column, f"there is no label {name}: {'before' if back else 'after'} this")
        return Value(self.section.here, True)

    def _instruction(self, statement: Statement, word: Token, stream: Stream) -> None:
        prefixes: tuple[str, ...] = ()
        name = word.text.lower()
        while encoder.canonical(name) in encoder.PREFIXES:
            prefixes = (*prefixes, encoder.canonical(name))
            word = stream.take()
            name = word.text.lower()
        if word.kind != "name" or not encoder.is_mnemonic(name):
            raise SourceError(word.column, _no_such(name or statement.text))
        found = operand.operands(stream, branch=encoder.is_branch(name), bits=self.bits)
        try:
            code = encoder.encode(name, found, self.bits, self.section.here, prefixes, self.least[self.at])
        except encoder.CannotEncode as no:
            raise SourceError(word.column, str(no)) from None
        self.least[self.at] = len(code)
        self.lines[self.section.here] = (statement.line, statement.text)
        self.section.put(code, word.column)


def _labels(statements: list[Statement]) -> dict[str, None]:
    """Every name that the source defines somewhere; numeric labels end in ``:``."""
    found: dict[str, None] = {}
    for statement in statements:
        tokens = statement.tokens
        while len(tokens) > 1 and tokens[1].text == ":":
            found[tokens[0].text + (":" if tokens[0].kind == "number" else "")] = None
            tokens = tokens[2:]
        if len(tokens) > 1 and tokens[0].text.lower() in (".set", ".equ"):
            found[tokens[1].text] = None
        elif len(tokens) > 1 and tokens[1].text == "=":
            found[tokens[0].text] = None
    return found


def _no_such(name: str) -> str:
    if name.startswith("%"):
        return "registers are written without %; this is Intel syntax"
    return f"there is no instruction {name!r}; {did_you_mean(name, COMMON)}"


COMMON = (
    "mov", "movzx", "movsx", "movsxd", "lea", "push", "pop", "call", "ret", "jmp", "je", "jne", "ja", "jb",
    "jae", "jbe", "jg", "jl", "jge", "jle", "add", "sub", "adc", "sbb", "inc", "dec", "neg", "not", "and",
    "or", "xor", "test", "cmp", "shl", "shr", "sar", "rol", "ror", "mul", "imul", "div", "idiv", "xchg",
    "cmpxchg", "xadd", "bt", "bts", "btr", "bsf", "bsr", "nop", "hlt", "cpuid", "rdtsc", "rdmsr", "wrmsr",
    "in", "out", "tdcall", "syscall", "iretq", "rep movsb", "rep stosb", "loop", "cld", "std", "cli", "sti",
    "ud2", "int3", "endbr64", "lgdt", "lidt", "invlpg", "pause", "mfence", "lfence", "sfence", "bswap",
)  # fmt: skip
"""What a misspelt mnemonic is compared with."""
