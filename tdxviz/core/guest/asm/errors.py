"""What can be wrong with a source text, with its place."""

from dataclasses import dataclass

from tdxviz.core.faults import TdxvizError


@dataclass(frozen=True)
class Problem:
    """``line`` and ``column`` count from 1."""

    line: int
    column: int
    text: str


class SourceError(Exception):
    """One problem; caught by the assembler, which collects them. ``column`` counts from 1."""

    def __init__(self, column: int, text: str) -> None:
        super().__init__(text)
        self.column, self.text = column, text


class AssemblyError(TdxvizError):
    """Everything that is wrong with a source text."""

    def __init__(self, problems: tuple[Problem, ...], name: str = "") -> None:
        first = problems[0]
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        place = f"{name}:{first.line}:{first.column}" if name else f"line {first.line}, column {first.column}"
        super().__init__(f"{place}: {first.text}{more}")
        self.problems = problems
