"""The script file ``.tdxs``: JSON lines, append-only, strict.

The first line is the header. Every other line is one action with the commands it became, one bare
command, or a turn of the story: a branch, a change of world, a bookmark.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from tdxviz.core.codec import Slip, decode_command
from tdxviz.core.commands import SCHEMA, AnyCommand, Command
from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import World
from tdxviz.session.inside import Spot

LARGEST_FILE = 32 * 1024 * 1024
MOST_COMMANDS = 200_000
SYNC_EVERY = 16
"""Lines between two ``fsync``; every line is flushed to the system at once."""


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all lines; the first field names the kind."""


class Header(Line, frozen=True):
    tdxs: int = SCHEMA
    world: World = "ci"
    seed: int = 7
    scenario: str = "vault"


class ActionLine(Line, frozen=True, omit_defaults=True):
    """``commands`` None: expand the action when the file is read (for files written by hand)."""

    action: str
    args: dict[str, Any] = {}
    commands: list[AnyCommand] | None = None


class ForkLine(Line, frozen=True, omit_defaults=True):
    """A new branch that shares the present one's past up to index ``at``, or up to ``steps`` inside the
    silent run that is command ``run``."""

    fork: str
    at: int
    run: int | None = None
    steps: int = 0


class BranchLine(Line, frozen=True):
    """Go to the end of another branch."""

    branch: int


class WorldLine(Line, frozen=True):
    world: World


class BookmarkLine(Line, frozen=True):
    bookmark: str
    at: int


class PlaceLine(Line, frozen=True, omit_defaults=True):
    """Where the learner stood when the file was saved; ``run`` and ``steps`` as in a fork."""

    at: int
    run: int | None = None
    steps: int = 0


class ClosedLine(Line, frozen=True):
    """The session ended in good order: nothing to recover."""

    closed: bool = True


KINDS: dict[str, type[Line]] = {
    "tdxs": Header,
    "action": ActionLine,
    "fork": ForkLine,
    "branch": BranchLine,
    "world": WorldLine,
    "bookmark": BookmarkLine,
    "closed": ClosedLine,
    "at": PlaceLine,
}
DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}

Numbered = tuple[int, Line | Command]
"""Line number in the file, from 1, and what the line says."""


def decode_line(text: bytes) -> Line | Command:
    """Raises TdxvizError saying what is wrong with this line."""
    try:
        keys = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TdxvizError(f"not a JSON object ({error})") from None
    if "do" in keys:
        return decode_command(text)
    kind = next((name for name in DECODERS if name in keys), None)
    if kind is None:
        first = next(iter(keys), "")
        raise TdxvizError(f"unknown kind of line {first!r}; {did_you_mean(first, [*KINDS, 'do'])}")
    try:
        return DECODERS[kind].decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TdxvizError(_nearer(str(error), KINDS[kind])) from None


def _nearer(message: str, kind: type[Line]) -> str:
    if "unknown field `" not in message:
        return message
    name = message.split("`")[1]
    return f"unknown field {name!r}; {did_you_mean(name, kind.__struct_fields__)}"


def parse(data: bytes, name: str = "script") -> tuple[Header, list[Numbered], str]:
    """Header, lines, and a notice if a half-written last line was dropped.

    Raises:
        TdxvizError: ``name:line: what is wrong``.
    """
    if len(data) > LARGEST_FILE:
        raise TdxvizError(f"{name}: {len(data)} bytes are more than the limit of {LARGEST_FILE}")
    header, lines, notice, commands = Header(), [], "", 0
    rows = data.split(b"\n")
    for number, row in enumerate(rows, 1):
        if not row.strip():
            continue
        try:
            line = decode_line(row)
        except TdxvizError as error:
            if number == len(rows) and number > 1:
                notice = f"{name}:{number}: the last line was written only half and was left out"
                break
            raise TdxvizError(f"{name}:{number}{_column(error)}: {error}") from None
        if isinstance(line, Header):
            header = _checked(line, lines, f"{name}:{number}")
            continue
        commands += len(line.commands or ()) if isinstance(line, ActionLine) else 1
        if commands > MOST_COMMANDS:
            raise TdxvizError(f"{name}:{number}: more than {MOST_COMMANDS} commands")
        lines.append((number, line))
    return header, lines, notice


def _column(error: TdxvizError) -> str:
    """``:7`` for a slip at column 7, nothing for one without a place."""
    column = error.column if isinstance(error, Slip) else 0
    return f":{column}" if column else ""


def _checked(header: Header, lines: list[Numbered], where: str) -> Header:
    if lines:
        raise TdxvizError(f"{where}: the header must be the first line")
    if header.tdxs > SCHEMA:
        raise TdxvizError(
            f"{where}: written by a newer version (schema {header.tdxs}, this one reads {SCHEMA})"
        )
    if header.tdxs < 1:
        raise TdxvizError(f"{where}: there is no schema {header.tdxs}")
    return header


def read(path: str | Path) -> bytes:
    """The file's bytes. Raises TdxvizError if it cannot be read or is too large."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise TdxvizError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise TdxvizError(f"{path!r} is no file name ({error})") from None
    if len(data) > LARGEST_FILE:
        raise TdxvizError(f"{path}: larger than the limit of {LARGEST_FILE} bytes")
    return data


class Journal:
    """The lines of one session, in memory and, as long as the disk plays along, in a file."""

    def __init__(self, header: Header, path: str | Path | None = None) -> None:
        self.lines: list[bytes] = [msgspec.json.encode(header)]
        self.path = None if path is None else Path(path)
        self.problem = ""
        """Why nothing is written any more; empty while all is well."""
        self._file: IO[bytes] | None = None
        self._written = 0

    def add(self, line: Line) -> None:
        """A crash after this call loses nothing but, at worst, this line."""
        self.lines.append(msgspec.json.encode(line))
        if self.path is not None and not self.problem:
            self._guarded(self._write_rest)

    def go_on_in(self, path: Path) -> None:
        """Append to this file from now on; it first gets exactly the lines known here."""
        self.path = path
        self._guarded(lambda: self._rewrite(path))

    def close(self) -> None:
        if self._file is not None:
            self.add(ClosedLine())
        if self._file is not None:
            self._guarded(self._file.close)
            self._file = None

    def abandon(self) -> None:
        """Stop writing and leave the file as a crash would: it can be recovered."""
        file, self._file = self._file, None
        self.path = None
        if file is not None:
            with suppress(OSError):  # what could not be flushed is told already
                file.close()

    def text(self) -> bytes:
        return b"\n".join(self.lines) + b"\n"

    def _rewrite(self, path: Path) -> None:
        write_file(path, self.text())
        self._written = len(self.lines)

    def _write_rest(self) -> None:
        if self._file is None:
            assert self.path is not None
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "ab")  # noqa: SIM115 - stays open while the session lives
        rest = self.lines[self._written :]
        self._file.write(b"".join(line + b"\n" for line in rest))
        self._file.flush()
        self._written = len(self.lines)
        if self._written % SYNC_EVERY == 0:
            os.fsync(self._file.fileno())

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except (OSError, TdxvizError) as error:
            reason = getattr(error, "strerror", None) or error
            self.problem = (
                f"Autosave stopped: {self.path} cannot be written ({reason}). "
                "The session goes on in memory; save it somewhere else."
            )
            file, self._file = self._file, None
            if file is not None:
                with suppress(OSError):
                    file.close()


def fork(name: str, here: Spot) -> ForkLine:
    run, steps = here.depth or (None, 0)
    return ForkLine(fork=name, at=here.index, run=run, steps=steps)


def place(here: Spot) -> bytes:
    run, steps = here.depth or (None, 0)
    return msgspec.json.encode(PlaceLine(at=here.index, run=run, steps=steps)) + b"\n"


def write_file(path: str | Path, data: bytes) -> None:
    """Replace a file in one go: the old one stays until the new one is complete.

    Raises:
        TdxvizError: the disk is full, the folder is missing or protected.
    """
    target = Path(path)
    scratch = target.with_name(target.name + ".part")
    try:
        with open(scratch, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, target)
    except (OSError, ValueError) as error:
        scratch.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise TdxvizError(f"{target}: cannot be written ({reason})") from None
