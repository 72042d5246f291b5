"""Guest programs: machine code made from the ``.s`` files here by tools/assemble_guests.py."""

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from tdxviz.core.units import PAGE, Gla, Gpa


@dataclass(frozen=True)
class Program:
    """``pages``: GPA -> 4096 bytes. ``lines``: address -> (line number, text) of the source."""

    name: str
    pages: dict[Gpa, bytes]
    symbols: dict[str, Gla]
    lines: dict[Gla, tuple[int, str]]

    @property
    def boundaries(self) -> tuple[Gla, ...]:
        """Addresses at which a source line begins, ascending."""
        return tuple(sorted(self.lines))


def patched(program: Program, at: Gpa, data: bytes) -> Program:
    """The program with other bytes at an address of one of its pages."""
    page, offset = at & -PAGE, at % PAGE
    old = program.pages[page]
    new = old[:offset] + data + old[offset + len(data) :]
    return replace(program, pages=program.pages | {page: new})


@cache
def load(name: str) -> Program:
    """A program shipped with the package. Raises FileNotFoundError for an unknown name."""
    raw = json.loads(files("tdxviz.core.guest.programs").joinpath(f"{name}.json").read_text("utf-8"))
    return Program(
        name,
        {int(gpa, 16): bytes.fromhex("".join(rows)) for gpa, rows in raw["pages"].items()},
        {symbol: int(at, 16) for symbol, at in raw["symbols"].items()},
        {int(at, 16): (number, text) for at, number, text in raw["lines"]},
    )
