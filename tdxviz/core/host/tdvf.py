"""TDVF: what a TD firmware image tells the VMM about itself, and the MRTD that follows from it.

Source: attestation-and-migration 1.5 to 1.8 (EDK2 IntelTdxMetadata.nasm.inc, td-shim specification,
QEMU's TD HOB).
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tdxviz.core.faults import TdxvizError
from tdxviz.core.tdx.measurement import block
from tdxviz.core.units import GIB, MIB, PAGE, Gpa


def guid(text: str) -> bytes:
    """16 bytes, mixed-endian: the first three groups little-endian, the last two as written."""
    groups = [bytes.fromhex(group) for group in text.split("-")]
    return b"".join(group[::-1] for group in groups[:3]) + groups[3] + groups[4]


FOOTER = guid("96b582de-1fb2-45f7-baea-a366c55a082d")
DESCRIPTOR_OFFSET = guid("e47a6535-984a-4798-865e-4685a7bf8ec2")
DESCRIPTOR = guid("e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae")
TYPES = ("BFV", "CFV", "TD_HOB", "TempMem", "PermMem", "Payload", "PayloadParam", "TD_INFO", "TD_PARAMS")
MR_EXTEND, PAGE_AUG = 1, 2
UNMEASURED = {"TD_INFO", "TD_PARAMS"}
"""They lie inside the BFV; the VMM does nothing with them."""
MOST_FILE, MOST_SECTIONS, MOST_MEMORY = 64 * MIB, 64, 64 * MIB
CHUNK = 256
ENTRY_OVERHEAD = 18


@dataclass(frozen=True)
class Section:
    """One row of the metadata. ``offset`` and ``size`` in the file, ``gpa`` and ``memory`` in the TD."""

    type: str
    offset: int
    size: int
    gpa: Gpa
    memory: int
    extend: bool
    augmented: bool
    """PAGE.AUG at run time instead of PAGE.ADD: not measured."""

    @property
    def added(self) -> bool:
        return not self.augmented and self.type not in UNMEASURED and self.type != "PermMem"

    @property
    def pages(self) -> range:
        return range(self.gpa, self.gpa + self.memory, PAGE)


@dataclass(frozen=True)
class Firmware:
    name: str
    raw: bytes
    descriptor: int
    """File offset of the TDVF descriptor."""
    sections: tuple[Section, ...]

    def page(self, section: Section, gpa: Gpa) -> bytes:
        """The page's content as the VMM adds it: file bytes, zeros beyond them."""
        start = gpa - section.gpa
        end = min(start + PAGE, section.size)
        return self.raw[section.offset + start : section.offset + max(start, end)].ljust(PAGE, b"\x00")

    def added_pages(self) -> Iterator[tuple[Gpa, bytes, bool]]:
        """(GPA, content, whether it is extended) in the order of the table; a TD HOB as zeros."""
        for section in self.sections:
            if section.added:
                for gpa in section.pages:
                    yield gpa, self.page(section, gpa), section.extend


def parse(raw: bytes, name: str) -> Firmware:
    """Raises TdxvizError if the image has no usable TDX metadata."""
    if len(raw) > MOST_FILE:
        raise TdxvizError(f"{name}: {len(raw):,} bytes; firmware has at most {MOST_FILE >> 20} MiB")
    at = _descriptor(raw, name)
    if at < 0 or at + 16 > len(raw) or raw[at : at + 4] != b"TDVF":
        raise TdxvizError(
            f"{name}: no TDVF descriptor at file offset {at:#x}; the image is damaged or cut off"
        )
    length, version, count = struct.unpack_from("<III", raw, at + 4)
    if version != 1 or count > MOST_SECTIONS or length != 16 + 32 * count or at + length > len(raw):
        raise TdxvizError(
            f"{name}: the TDVF descriptor says version {version}, {count} sections, {length} bytes; "
            f"version 1 with up to {MOST_SECTIONS} sections of 32 bytes is understood"
        )
    sections = tuple(_section(raw, at + 16 + 32 * n, n, name) for n in range(count))
    _check(sections, name)
    return Firmware(name, raw, at, sections)


def _descriptor(raw: bytes, name: str) -> int:
    """File offset of the descriptor: through the GUIDed table, else the legacy offset at L - 0x20."""
    if len(raw) < 64:
        raise TdxvizError(f"{name}: {len(raw)} bytes are no firmware image")
    end = len(raw) - 0x20
    if raw[end - 16 : end] != FOOTER:
        (legacy,) = struct.unpack_from("<I", raw, end)
        if raw[legacy : legacy + 4] == b"TDVF":
            return legacy
        raise TdxvizError(
            f"{name}: no table of GUIDs before its reset vector, so no TDX metadata; take a build with TDX, for example OVMF.fd"
        )
    (total,) = struct.unpack_from("<H", raw, end - ENTRY_OVERHEAD)
    at, stop = end - ENTRY_OVERHEAD, max(end - total, 0)
    while at - ENTRY_OVERHEAD >= stop:
        (length,) = struct.unpack_from("<H", raw, at - ENTRY_OVERHEAD)
        if length < ENTRY_OVERHEAD or length > at - stop:
            break
        if raw[at - 16 : at] == DESCRIPTOR_OFFSET and length >= ENTRY_OVERHEAD + 4:
            (distance,) = struct.unpack_from("<I", raw, at - length)
            return len(raw) - distance
        at -= length
    raise TdxvizError(
        f"{name}: its table of GUIDs has no entry for TDX; this build does not know TDX (the _4M builds of Debian do not)"
    )


def _section(raw: bytes, at: int, number: int, name: str) -> Section:
    offset, size, gpa, memory, kind, attributes = struct.unpack_from("<IIQQII", raw, at)
    where = f"{name}: section {number}"
    if kind >= len(TYPES):
        raise TdxvizError(f"{where} has the unknown type {kind}")
    if TYPES[kind] in UNMEASURED:
        return Section(TYPES[kind], offset, size, gpa, memory, False, False)
    if offset + size > len(raw):
        raise TdxvizError(
            f"{where} ({TYPES[kind]}) wants bytes up to {offset + size:#x} of a file of {len(raw):#x}; "
            "its offsets are those of a combined image (VARS before CODE)"
        )
    if gpa % PAGE or memory % PAGE or memory < size:
        raise TdxvizError(
            f"{where}: {memory:#x} bytes at {gpa:#x} must be whole pages and hold the {size:#x} of the file"
        )
    if gpa + memory > 4 * GIB:
        raise TdxvizError(f"{where} ({TYPES[kind]}) lies beyond 4 GiB: {gpa:#x}")
    return Section(
        TYPES[kind], offset, size, gpa, memory, bool(attributes & MR_EXTEND), bool(attributes & PAGE_AUG)
    )


def _check(sections: tuple[Section, ...], name: str) -> None:
    total = sum(s.memory for s in sections if s.added)
    if total > MOST_MEMORY:
        raise TdxvizError(f"{name}: its sections want {total:,} bytes; {MOST_MEMORY >> 20} MiB is the most")
    spans = sorted((s.gpa, s.gpa + s.memory) for s in sections if s.added and s.memory)
    for (_, end), (start, _) in pairwise(spans):
        if start < end:
            raise TdxvizError(f"{name}: two sections overlap at {start:#x}")


def mrtd(firmware: Firmware) -> bytes:
    """SHA-384 as the TDX module computes it, page by page (ADD, then 16 EXTEND), as KVM does it."""
    digest = hashlib.sha384()
    for gpa, content, extend in firmware.added_pages():
        digest.update(block("MEM.PAGE.ADD", gpa))
        for at in range(0, PAGE if extend else 0, CHUNK):
            digest.update(block("MR.EXTEND", gpa + at) + content[at : at + CHUNK])
    return digest.digest()


# --- the TD HOB ----------------------------------------------------------------------------------

HANDOFF, RESOURCE, END = 1, 3, 0xFFFF
SYSTEM_MEMORY, UNACCEPTED = 0, 7
PRESENT_INITIALISED_TESTED = 7


def hob(firmware: Firmware, memory: int) -> tuple[Gpa, bytes]:
    """Where the list of hand-off blocks goes, and its bytes: which memory the TD has, which of it is
    there already and which must be accepted. Raises TdxvizError without a TD_HOB section."""
    place = next((s for s in firmware.sections if s.type == "TD_HOB" and s.added), None)
    if place is None:
        raise TdxvizError(
            f"{firmware.name}: no TD_HOB section; this host cannot tell the firmware its memory"
        )
    there = sorted(
        (s.gpa, s.memory) for s in firmware.sections if s.type in ("TD_HOB", "TempMem") and s.added
    )
    body, at = b"", 0
    for gpa, size in [*there, (memory, 0)]:
        if gpa > at:
            body += _resource(UNACCEPTED, at, gpa - at)
        if size:
            body += _resource(SYSTEM_MEMORY, gpa, size)
        at = max(at, gpa + size)
    end = place.gpa + 56 + len(body) + 8
    first = struct.pack("<HHIII5Q", HANDOFF, 56, 0, 9, 0, 0, 0, 0, 0, end)
    raw = first + body + struct.pack("<HHI", END, 8, 0)
    if len(raw) > place.memory:
        raise TdxvizError(
            f"{firmware.name}: the TD_HOB section holds {place.memory} bytes, {len(raw)} are needed"
        )
    return place.gpa, raw


def _resource(kind: int, start: Gpa, length: int) -> bytes:
    return struct.pack(
        "<HHI16sIIQQ", RESOURCE, 48, 0, bytes(16), kind, PRESENT_INITIALISED_TESTED, start, length
    )
