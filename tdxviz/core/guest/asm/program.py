"""What an assembly leaves behind, and the sections while they grow."""

from dataclasses import dataclass, field

from tdxviz.core.guest.asm.errors import SourceError
from tdxviz.core.units import PAGE, Gla

BASE: Gla = 0x40_0000
"""Where ``.text`` goes unless the caller says otherwise."""
LARGEST = 4 << 20
"""Bytes that one source may make, in all sections."""
NOPS = {
    1: "90", 2: "6690", 3: "0f1f00", 4: "0f1f4000", 5: "0f1f440000", 6: "660f1f440000",
    7: "0f1f8000000000", 8: "0f1f840000000000", 9: "660f1f840000000000", 10: "662e0f1f840000000000",
    11: "66662e0f1f840000000000",
}  # fmt: skip
"""Fillers of code, as GNU as writes them."""


@dataclass
class Section:
    """``data`` is empty in ``.bss``, which has only a size."""

    name: str
    address: Gla = 0
    data: bytearray = field(default_factory=bytearray)
    size: int = 0

    @property
    def empty_kind(self) -> bool:
        return self.name.startswith(".bss")

    @property
    def here(self) -> Gla:
        return self.address + self.size

    def put(self, data: bytes, column: int = 1) -> None:
        """Raises SourceError for content in ``.bss`` and beyond the largest size."""
        if self.empty_kind and any(data):
            raise SourceError(column, f"{self.name} holds zeros only; put this into .data")
        if self.size + len(data) > LARGEST:
            raise SourceError(column, f"the section {self.name} grows beyond {LARGEST >> 20} MiB")
        if not self.empty_kind:
            self.data += data
        self.size += len(data)

    def fill(self, count: int, byte: int | None, bits: int, column: int) -> None:
        """``byte`` None: instructions that do nothing."""
        if not 0 <= count <= LARGEST - self.size:
            raise SourceError(
                column, f"{count} bytes cannot be added to {self.name}; {LARGEST >> 20} MiB is the most"
            )
        if byte is not None:
            self.put(bytes([byte]) * count, column)
            return
        while count > 0:
            n = min(count, 11) if bits == 64 else 1
            self.put(bytes.fromhex(NOPS[n]), column)
            count -= n


@dataclass(frozen=True)
class Assembly:
    """``sections``: (name, address, content, size in memory), ascending. ``lines``: address of each
    instruction -> (line number, text)."""

    sections: tuple[tuple[str, Gla, bytes, int], ...]
    symbols: dict[str, Gla]
    lines: dict[Gla, tuple[int, str]]
    entry: Gla


def placed(sections: dict[str, Section], places: dict[str, Gla]) -> None:
    """Give every section its address: where ``places`` says, else page by page, ``.bss`` last."""
    at = BASE
    for section in sorted(sections.values(), key=lambda s: (s.name != ".text", s.empty_kind)):
        section.address = places.get(section.name, at)
        if section.name not in places:
            at = section.address + section.size + PAGE - 1 & -PAGE
