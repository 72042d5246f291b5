"""LAR, LSL, VERR, VERW: asking about a segment; CRC32; SERIALIZE. Source: Intel SDM volume 2."""

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import flags as f
from tdxviz.core.guest import segments
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import mask, reader, writer
from tdxviz.core.guest.table import Build, Op, operand_size
from tdxviz.core.hw.cpu import Segment

RIGHTS = 0x00F0_FF00
LIMITED = {segments.LDT, segments.TSS_AVAILABLE, segments.TSS_BUSY}
SYSTEM = {"LAR": LIMITED | {12}, "LSL": LIMITED, "VERR": set[int](), "VERW": set[int]()}
"""System descriptors that each knows in long mode; outside it 16-bit ones count, too."""
OLD = {1, 3}
POLYNOMIAL = 0x82F6_3B78
"""CRC-32C, bits reversed."""


def _seen(x: Context, selector: int, known: set[int]) -> Segment | None:
    """The descriptor, if it exists, is of a kind that is asked about and visible at CPL and RPL."""
    selector &= 0xFFFF
    if selector & ~3 == 0:
        return None
    try:
        at = segments.place(x, selector, 8, segments.GP)
    except GuestFault:
        return None
    found = segments.parse(selector, segments.system_load(x, at, 8))
    attributes = found.attributes
    if not attributes & segments.CODE_OR_DATA:
        if attributes & 0xF not in (known if x.cpu.long_mode or not known else known | OLD):
            return None
    elif segments.is_code(found) and attributes & segments.CONFORMING:
        return found
    return found if max(x.cpu.cpl, selector & 3) <= found.dpl else None


def _zero(x: Context, found: bool) -> None:
    x.cpu.rflags = x.cpu.rflags & ~f.ZF | (f.ZF if found else 0)


def _query(name: str) -> Build:
    """LAR and LSL: the destination changes only if there is an answer."""

    def build(ins: Instruction) -> Op:
        size = operand_size(ins)
        get, put = reader(ins, 1, 2), writer(ins, 0, size)

        def run(x: Context) -> None:
            found = _seen(x, get(x), SYSTEM[name])
            if found is not None:
                answer = found.limit if name == "LSL" else found.attributes << 8 & RIGHTS
                put(x, answer & mask(size))
            _zero(x, found is not None)

        return run

    return build


def _verify(name: str) -> Build:
    def build(ins: Instruction) -> Op:
        get = reader(ins, 0, 2)

        def run(x: Context) -> None:
            found = _seen(x, get(x), SYSTEM[name])
            if found is None:
                return _zero(x, False)
            usable = bool(found.attributes & segments.WRITABLE)  # "readable" in a code segment
            code = segments.is_code(found)
            return _zero(x, (usable or not code) if name == "VERR" else (usable and not code))

        return run

    return build


def _step(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    return crc


TABLE_OF_CRC = tuple(_step(n) for n in range(256))


def crc32(ins: Instruction) -> Op:
    """CRC-32C of the source, low byte first, onto the low half of the destination."""
    size, wide = operand_size(ins, 1), operand_size(ins)
    get, old, put = reader(ins, 1, size), reader(ins, 0, wide), writer(ins, 0, wide)

    def run(x: Context) -> None:
        crc = old(x) & mask(4)
        for byte in get(x).to_bytes(size, "little"):
            crc = crc >> 8 ^ TABLE_OF_CRC[(crc ^ byte) & 0xFF]
        put(x, crc)

    return run


def serialize(ins: Instruction) -> Op:
    """Everything is in order here anyway."""
    return lambda x: None


TABLE: dict[str, Build] = {
    "LAR": _query("LAR"),
    "LSL": _query("LSL"),
    "VERR": _verify("VERR"),
    "VERW": _verify("VERW"),
    "CRC32": crc32,
    "SERIALIZE": serialize,
}
