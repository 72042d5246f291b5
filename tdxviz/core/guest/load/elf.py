"""ELF64 static executables. Source: System V ABI, generic and x86-64 supplement."""

import struct
from typing import NamedTuple

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.load.image import MOST_FILE, MOST_MEMORY, MOST_SEGMENTS, Image, Segment, checked
from tdxviz.core.units import Gla

MAGIC = b"\x7fELF"
EXEC, DYN, REL = 2, 3, 1
X86_64 = 62
LOAD, DYNAMIC, INTERP, TLS = 1, 2, 3, 7
EXECUTABLE = 1
MACHINES = {
    3: "32-bit x86",
    8: "MIPS",
    20: "PowerPC",
    21: "64-bit PowerPC",
    40: "32-bit Arm",
    183: "64-bit Arm",
    243: "RISC-V",
}
SYMBOL_TABLE, MOST_SYMBOLS = 2, 65_536


class Header(NamedTuple):
    kind: int
    machine: int
    version: int
    entry: int
    phoff: int
    shoff: int
    flags: int
    ehsize: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int


class Part(NamedTuple):
    """One program header."""

    kind: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int


def parse(raw: bytes, name: str) -> Image:
    """Raises TdxvizError saying what is wrong with the file and what to do."""
    header = _header(raw, name)
    parts = _parts(raw, header, name)
    _refuse_helpers(parts, header, name)
    segments = tuple(_segment(raw, part, name) for part in parts if part.kind == LOAD and part.memsz)
    return checked(Image(name, "elf", header.entry, segments, _symbols(raw, header)))


def _refuse_helpers(parts: list[Part], header: Header, name: str) -> None:
    """What would need a loader or a C library's start before its first own instruction."""
    kinds = {part.kind for part in parts}
    if DYNAMIC in kinds and INTERP not in kinds and header.kind == DYN:
        raise TdxvizError(
            f"{name}: it is a static position-independent executable (static-pie), which has to relocate itself; "
            "link with -static -no-pie"
        )
    if kinds & {INTERP, DYNAMIC}:
        raise TdxvizError(
            f"{name}: it is linked dynamically and there is no loader; link with -static -no-pie"
        )
    if any(part.kind == TLS and part.memsz for part in parts):
        raise TdxvizError(
            f"{name}: it has thread-local variables, and nobody sets up FS for them here; "
            "build it without __thread and without a C library (-ffreestanding -nostdlib)"
        )
    inside = [p for p in parts if p.kind == LOAD and p.vaddr <= header.entry < p.vaddr + p.memsz]
    if inside and not any(part.flags & EXECUTABLE for part in inside):
        raise TdxvizError(
            f"{name}: the entry point {header.entry:#x} lies in a segment that may not be executed; is _start in .text?"
        )


def _header(raw: bytes, name: str) -> Header:
    if len(raw) > MOST_FILE:
        raise TdxvizError(f"{name}: the file has {len(raw):,} bytes; {MOST_FILE >> 20} MiB is the most")
    if len(raw) < 64:
        raise TdxvizError(
            f"{name}: the ELF header is cut off after {len(raw)} of 64 bytes; copy the file again"
        )
    if raw[4] != 2 or raw[5] != 1:
        raise TdxvizError(f"{name}: this is no 64-bit little-endian ELF; compile with gcc -m64")
    header = Header._make(struct.unpack_from("<HHIQQQIHHHHHH", raw, 16))
    if header.machine != X86_64:
        what = MACHINES.get(header.machine, f"machine {header.machine}")
        raise TdxvizError(f"{name}: it is a program for {what}; a TD runs x86-64, compile it for that")
    if header.kind == REL:
        raise TdxvizError(
            f"{name}: it is an object file, not linked yet; link it with ld, or gcc -nostdlib -static"
        )
    if header.kind not in (EXEC, DYN):
        raise TdxvizError(f"{name}: ELF type {header.kind} is no executable")
    return header


def _parts(raw: bytes, header: Header, name: str) -> list[Part]:
    if header.phentsize != 56 or not 0 < header.phnum <= MOST_SEGMENTS:
        raise TdxvizError(
            f"{name}: {header.phnum} program headers of {header.phentsize} bytes; "
            f"1 to {MOST_SEGMENTS} of 56 bytes are understood"
        )
    if header.phoff + header.phnum * 56 > len(raw):
        raise TdxvizError(f"{name}: its program headers lie beyond the end of the file; it is cut off")
    return [
        Part._make(struct.unpack_from("<IIQQQQQQ", raw, header.phoff + n * 56)) for n in range(header.phnum)
    ]


def _segment(raw: bytes, part: Part, name: str) -> Segment:
    where = f"{name}: the segment at {part.vaddr:#x}"
    if part.filesz > part.memsz:
        raise TdxvizError(f"{where} has {part.filesz:#x} bytes in the file but {part.memsz:#x} in memory")
    if part.memsz > MOST_MEMORY:
        raise TdxvizError(f"{where} wants {part.memsz:,} bytes; {MOST_MEMORY >> 20} MiB is the most")
    if part.offset + part.filesz > len(raw):
        raise TdxvizError(f"{where} lies beyond the end of the file ({len(raw):#x}); it is cut off")
    return Segment(
        part.vaddr, raw[part.offset : part.offset + part.filesz], part.memsz, bool(part.flags & EXECUTABLE)
    )


def _symbols(raw: bytes, header: Header) -> dict[str, Gla]:
    """Functions and objects by name; nothing if the table is missing or damaged."""
    if header.shentsize != 64 or header.shoff + header.shnum * 64 > len(raw):
        return {}
    rows = [struct.unpack_from("<IIQQQQIIQQ", raw, header.shoff + n * 64) for n in range(header.shnum)]
    for _, kind, _, _, offset, size, link, _, _, _ in rows:
        if kind == SYMBOL_TABLE and link < len(rows) and offset + size <= len(raw):
            names = raw[rows[link][4] : rows[link][4] + rows[link][5]]
            return dict(_symbol_rows(raw[offset : offset + size], names))
    return {}


def _symbol_rows(table: bytes, names: bytes) -> list[tuple[str, Gla]]:
    found = []
    for at in range(0, min(len(table), MOST_SYMBOLS * 24) - 23, 24):
        name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", table, at)
        if info & 15 in (0, 1, 2) and section and name < len(names):
            text = names[name : names.find(b"\x00", name)].decode("utf-8", "replace")
            if text:
                found.append((text, value))
    return found
