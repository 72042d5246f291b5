"""A program file for the editor: source as text, a binary as a listing that cannot be changed. No window here."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import disasm
from tdxviz.core.guest.load.image import Image, Segment
from tdxviz.core.guest.load.open import decoded, image_of, is_source
from tdxviz.core.peek import vcpu
from tdxviz.session import program_file

MOST_ROWS = 4_000
"""Lines of a listing; about a quarter of a second."""
MOST_SOURCE = 1 << 20
"""Bytes of source that the editor takes, which assembles as one types."""
LONGEST_NAME = 80
ROW = 8
"""Bytes of data in a line."""
KINDS = {"elf": "ELF64", "flat": "Flat binary"}

Row = tuple[int, str]
"""Address, and what the line says; -1 for a line about nothing that executes."""


@dataclass(frozen=True)
class Binary:
    """``args``: of the action ``program``. ``rows``: address of an instruction -> its line, from 1."""

    banner: str
    text: str
    args: dict[str, str]
    rows: dict[int, int]
    first: int
    """Line of the entry point; 0 if it is not listed."""

    def line_now(self, moment: Any) -> int:
        """Line of what the guest executes next, if this is the program that it runs; 0 for none."""
        entry = moment.entry
        if (
            entry is None
            or entry.action.name != "program"
            or not self.args.items() <= entry.action.args.items()
        ):
            return 0
        return self.rows.get(vcpu(moment.machine).rip, 0)


def opened(path: str) -> str | Binary:
    """Source text, whether it assembles or not, or a binary that can be run.

    Raises:
        TdxvizError: where, what, and what next.
    """
    raw, name = program_file.read(path), Path(path).name
    if not is_source(raw, name):
        return _binary(image_of(raw, name), raw, path)
    if len(raw) > MOST_SOURCE:
        raise TdxvizError(
            f"{name}: {len(raw):,} bytes of source; the editor takes {MOST_SOURCE >> 20} MiB. "
            "tdxviz guest run takes more"
        )
    return decoded(raw, name)


def _binary(image: Image, raw: bytes, path: str) -> Binary:
    made = list(listing(image))
    rows = {address: number for number, (address, _) in enumerate(made, 1) if address >= 0}
    memory, parts = sum(segment.size for segment in image.segments), len(image.segments)
    banner = (
        f"{KINDS[image.kind]} {_printable(image.name)}: entry {image.entry:#x}, "
        f"{parts} segment{'s' * (parts != 1)}, {memory:,} bytes in memory, {len(raw):,} in the file"
    )
    return Binary(
        banner,
        "\n".join(text for _, text in made),
        program_file.arguments(raw, path),
        rows,
        rows.get(image.entry, 0),
    )


def listing(image: Image) -> Iterator[Row]:
    """At most ``MOST_ROWS`` lines about all segments, code first, and one that says so if there are more."""
    labels: dict[int, list[str]] = {}
    for name, address in image.symbols.items():
        labels.setdefault(address, []).append(_printable(name))
    labels.setdefault(image.entry, ["# entry point"])
    left = MOST_ROWS
    for segment in sorted(image.segments, key=lambda segment: (not segment.executable, segment.gpa)):
        for row in _segment(segment, labels):
            if not left:
                yield -1, f"# the first {MOST_ROWS:,} lines; the rest is loaded and runs, too"
                return
            left -= 1
            yield row


def _segment(segment: Segment, labels: dict[int, list[str]]) -> Iterator[Row]:
    start, end = segment.gpa, segment.gpa + len(segment.data)
    what = "" if segment.executable else ", data"
    yield -1, f"# segment {start:#x}, {segment.size:#x} bytes{what}"
    cuts = sorted({start, *(at for at in labels if start <= at < end)})
    for at, after in zip(cuts, [*cuts[1:], end], strict=True):
        yield from ((-1, label if label[0] == "#" else f"{label}:") for label in labels.get(at, ()))
        piece = segment.data[at - start : after - start]
        yield from _code(piece, at) if segment.executable else _data(piece, at)
    if segment.size > len(segment.data):
        yield -1, f".zero {segment.size - len(segment.data):#x}"


def _code(piece: bytes, at: int) -> Iterator[Row]:
    """A few lines at a time: whoever asks may stop early."""
    done = 0
    while done < len(piece):
        window = piece[done : done + 512]
        last = done + len(window) == len(piece)
        found = disasm.lines(window, at + done, 64)
        for address, raw, words in found if last else found[:-16]:
            done = address + len(raw) - at
            yield address, _line(f".byte {raw[0]:#04x}" if words == "(bad)" else words, address, raw)
        if last:
            break
    yield from _data(piece[done:], at + done)


def _data(piece: bytes, at: int) -> Iterator[Row]:
    for offset in range(0, len(piece), ROW):
        raw = piece[offset : offset + ROW]
        yield -1, _line(".byte " + ", ".join(f"{byte:#04x}" for byte in raw), at + offset, b"")


def _line(words: str, address: int, raw: bytes) -> str:
    return f"    {words:<54}# {address:x}" + (f": {raw.hex(' ')}" if raw else "")


def _printable(name: str) -> str:
    """Whatever a file calls something, on one line."""
    short = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
    return "".join(sign if sign.isprintable() else "?" for sign in short)
