"""What kind of program some bytes are, and the image they make."""

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.asm.assembler import assemble
from tdxviz.core.guest.load import elf
from tdxviz.core.guest.load.image import HIGHEST, MOST_FILE, Image, Segment, checked
from tdxviz.core.units import Gla

FLAT_BASE: Gla = 0x40_0000
SOURCE_ENDINGS = (".s", ".asm", ".inc")
FLAT_ENDINGS = (".bin", ".img", ".raw", ".com")


def image_of(raw: bytes, name: str, *, base: Gla = FLAT_BASE) -> Image:
    """ELF by its magic, assembly source by its ending or its looks, everything else flat 64-bit code.

    Raises:
        TdxvizError: where, what, and what next.
    """
    if not raw:
        raise TdxvizError(f"{name}: the file is empty; an ELF, a flat binary or assembly source is wanted")
    if raw[:4] == elf.MAGIC:
        return elf.parse(raw, name)
    if raw[:2] == b"MZ":
        raise TdxvizError(f"{name}: it is a Windows or UEFI program; compile a static ELF64 instead")
    if raw[:2] == b"#!":
        raise TdxvizError(f"{name}: it is a script for a shell; a guest runs machine code")
    if is_source(raw, name):
        return source(decoded(raw, name), name)
    return flat(raw, name, base)


def is_source(raw: bytes, name: str) -> bool:
    """Assembly source, by its ending or its looks."""
    if raw[:4] == elf.MAGIC or raw[:2] in (b"MZ", b"#!"):
        return False
    ending = name.lower()
    return ending.endswith(SOURCE_ENDINGS) or (not ending.endswith(FLAT_ENDINGS) and _is_text(raw))


def source(text: str, name: str) -> Image:
    """Assemble. Raises AssemblyError with every problem."""
    made = assemble(text, name=name)
    segments = tuple(Segment(address, data, size) for _, address, data, size in made.sections)
    if not segments:
        raise TdxvizError(
            f"{name}: no instruction and no data in it; a smallest program is: mov al, 0; out 0xF4, al"
        )
    return checked(Image(name, "source", made.entry, segments, made.symbols, made.lines))


def flat(raw: bytes, name: str, base: Gla = FLAT_BASE) -> Image:
    """64-bit code from its first byte on. Raises TdxvizError for a bad size or base."""
    if len(raw) > MOST_FILE or not 0 <= base < HIGHEST:
        raise TdxvizError(
            f"{name}: a flat program of {len(raw):,} bytes at {base:#x} must have at most "
            f"{MOST_FILE >> 20} MiB and lie below 2 GiB"
        )
    return checked(Image(name, "flat", base, (Segment(base, raw, len(raw)),)))


def _is_text(raw: bytes) -> bool:
    return all(byte in b"\t\n\r\f" or 32 <= byte < 127 or byte >= 128 for byte in raw[:4096])


def decoded(raw: bytes, name: str) -> str:
    """Source as text. Raises TdxvizError for what is no UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TdxvizError(f"{name}: byte {error.start} is no UTF-8 text; save the source as UTF-8") from None
