"""A program that is ready to be put into a guest: where its bytes go, and where it begins."""

from dataclasses import dataclass, field, replace

from tdxviz.core.faults import TdxvizError
from tdxviz.core.units import MIB, PAGE, Gla, Gpa, page_of

HIGHEST: Gpa = 0x8000_0000
"""Programs live below 2 GiB; the guest runtime lives above."""
MOST_MEMORY = 16 * MIB
MOST_FILE = 32 * MIB
MOST_SEGMENTS = 64


@dataclass(frozen=True)
class Segment:
    """``size`` bytes at ``gpa``; those beyond ``data`` are zero."""

    gpa: Gpa
    data: bytes
    size: int
    executable: bool = True
    """As the file says; it is not enforced."""


@dataclass(frozen=True)
class Image:
    """``lines``: address -> (line number, text), where the source is known."""

    name: str
    kind: str
    """``elf``, ``flat`` or ``source``."""
    entry: Gla
    segments: tuple[Segment, ...]
    symbols: dict[str, Gla] = field(default_factory=dict)
    lines: dict[Gla, tuple[int, str]] = field(default_factory=dict)

    def patched(self, at: Gla, data: bytes) -> "Image":
        """The image with other bytes at an address; they must lie in one segment's data.

        Raises:
            TdxvizError: there is no such data.
        """
        for n, one in enumerate(self.segments):
            start = at - one.gpa
            if start >= 0 and start + len(data) <= len(one.data):
                changed = replace(one, data=one.data[:start] + data + one.data[start + len(data) :])
                return replace(self, segments=(*self.segments[:n], changed, *self.segments[n + 1 :]))
        raise TdxvizError(f"{self.name}: no {len(data)} bytes of data at {at:#x} to change")

    def pages(self) -> tuple[dict[Gpa, bytes], tuple[Gpa, ...]]:
        """Pages with content, and pages that are zero; a page shared by segments is merged."""
        content: dict[Gpa, bytearray] = {}
        zero: set[Gpa] = set()
        for segment in self.segments:
            zero.update(range(page_of(segment.gpa), segment.gpa + segment.size, PAGE))
            for at in range(page_of(segment.gpa), segment.gpa + len(segment.data), PAGE):
                page = content.setdefault(at, bytearray(PAGE))
                start = max(segment.gpa, at)
                piece = segment.data[start - segment.gpa : at + PAGE - segment.gpa]
                page[start - at : start - at + len(piece)] = piece
        return {gpa: bytes(page) for gpa, page in content.items()}, tuple(sorted(zero - content.keys()))


def checked(image: Image) -> Image:
    """Raises TdxvizError if the image cannot be put into a guest."""
    name = image.name
    if not image.segments:
        raise TdxvizError(f"{name}: there is nothing to load in it")
    total = sum(segment.size for segment in image.segments)
    if total > MOST_MEMORY:
        raise TdxvizError(
            f"{name}: it needs {total:,} bytes of memory; {MOST_MEMORY >> 20} MiB is the most. "
            "Make arrays smaller, or link segments closer together"
        )
    for segment in image.segments:
        if segment.gpa < 0 or segment.gpa + segment.size > HIGHEST:
            raise TdxvizError(
                f"{name}: the segment at {segment.gpa:#x}, {segment.size:#x} bytes, reaches beyond 2 GiB; "
                "link it lower, for example with -Wl,-Ttext=0x400000"
            )
    if not any(s.gpa <= image.entry < s.gpa + s.size for s in image.segments):
        raise TdxvizError(f"{name}: the entry point {image.entry:#x} is in no segment; is there a _start?")
    return image
