"""Physical memory by owner: segments of the ribbon, rows of the legend, the 64 lines of a page."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from tdxviz.core.units import KIB, LINE, MIB, PAGE, Hpa
from tdxviz.ui.present.hexes import PRINTABLE, spaced
from tdxviz.ui.present.questions import Questions

OWNERS = ("free", "host", "td_a", "td_b", "module", "shared", "meta", "device", "legacy")
"""Tokens of the codes in a page map, as ``peek.OWNERS``; compared with it by a test."""
WORDS = {
    "free": "never used", "host": "host", "td_a": "TD-A", "td_b": "TD-B", "module": "TDX module",
    "shared": "shared", "meta": "TDX tables", "device": "device", "legacy": "ordinary VM",
}  # fmt: skip
LONG = {
    "free": "Nobody has used these pages yet.",
    "host": "The hypervisor's own memory, KeyID 0.",
    "td_a": "Private pages of TD-A: encrypted with a key that only the CPU holds.",
    "td_b": "Private pages of TD-B: encrypted with its own key.",
    "module": "The TDX module and its data: nobody outside can reach this range.",
    "shared": "Pages that the TD shares with the host on purpose.",
    "meta": "Tables the TDX module keeps in encrypted pages: PAMT, Secure EPT, TDR, TDCS, TDVPS.",
    "device": "A buffer that devices read and write by DMA.",
    "legacy": "Memory of an ordinary VM: plain text.",
}
"""One sentence for each owner, for tooltips."""
NEAR = 16
"""Pages of one owner with no more unused pages than this between them make one segment."""


@dataclass(frozen=True, slots=True)
class Segment:
    """``count`` pages from ``first``; ``used`` of them belong to ``owner``."""

    first: int
    count: int
    owner: str
    used: int

    @property
    def low(self) -> Hpa:
        return self.first * PAGE

    @property
    def size(self) -> int:
        return self.count * PAGE

    @property
    def tooltip(self) -> str:
        spread = f", {self.used} of them its own" if self.used < self.count else ""
        return (
            f"{WORDS[self.owner]}: {pages_text(self.count)}{spread}, "
            f"{spaced(self.low)} to {spaced(self.low + self.size - 1)}\n{LONG[self.owner]}"
        )


def segments(codes: bytes) -> tuple[Segment, ...]:
    """Runs of one owner; short unused gaps inside an owner's pages are swallowed."""
    runs: list[Segment] = []
    rest = codes
    while rest:
        at, token = len(codes) - len(rest), OWNERS[rest[0]]
        rest = rest.lstrip(rest[:1])  # a run at a time: no loop of ours over 65,536 codes
        count = len(codes) - at - len(rest)
        runs.append(Segment(at, count, token, 0 if token == "free" else count))
    merged: list[Segment] = []
    for run in runs:
        if len(merged) > 1 and merged[-1].owner == "free" and merged[-1].count <= NEAR:
            before = merged[-2]
            if before.owner == run.owner:
                count = run.first + run.count - before.first
                merged[-2:] = [Segment(before.first, count, run.owner, before.used + run.used)]
                continue
        merged.append(run)
    return tuple(merged)


def widths(parts: tuple[Segment, ...], room: float, least: float) -> list[float]:
    """Pixels for each segment: as the logarithm of its size, at least ``least`` where that fits.

    Memory is not drawn to scale: twelve pages of a TD among 65,536 would not be seen.
    """
    if not parts:
        return []
    least = min(least, room / len(parts))
    weights = [math.log2(p.count + 1) * (0.45 if p.owner == "free" else 1.0) + 1 for p in parts]
    spare = room - least * len(parts)
    return [least + spare * w / sum(weights) for w in weights]


def offset_of(parts: tuple[Segment, ...], wide: list[float], page: int) -> float | None:
    """Where in the ribbon a page is, in pixels from its start."""
    x = 0.0
    for part, width in zip(parts, wide, strict=True):
        if part.first <= page < part.first + part.count:
            return x + width * (page - part.first + 0.5) / part.count
        x += width
    return None


def page_at(parts: tuple[Segment, ...], wide: list[float], x: float) -> int | None:
    """The page under a point of the ribbon."""
    left = 0.0
    for part, width in zip(parts, wide, strict=True):
        if left <= x < left + width:
            return part.first + min(int((x - left) / width * part.count), part.count - 1)
        left += width
    return None


def legend(codes: bytes) -> tuple[tuple[str, int], ...]:
    """Owners that are there, with the number of their pages; the unused ones last."""
    found = [(token, codes.count(code)) for code, token in enumerate(OWNERS)]
    kept = [(token, count) for token, count in found if count]
    return tuple(sorted(kept, key=lambda row: row[0] == "free"))


def pages_text(count: int) -> str:
    """``12 pages``, ``4,096 pages (16 MiB)``."""
    words = f"{count:,} page{'s' if count != 1 else ''}"
    size = count * PAGE
    if size >= MIB and size % MIB == 0:
        return f"{words} ({size // MIB} MiB)"
    return f"{words} ({size // KIB} KiB)" if count > 1 else words


# --- one page ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of a page. ``signs`` are names of glyphs, the most important first."""

    hpa: Hpa
    index: int
    owner: str
    letter: str
    text: str
    """The line's first bytes as its owner sees them."""
    signs: tuple[str, ...]
    tooltip: str


@dataclass(frozen=True, slots=True)
class PagePicture:
    """``title`` is the page's address, ``detail`` everything known about its role."""

    hpa: Hpa
    owner: str
    title: str
    detail: str
    cells: tuple[Cell, ...]


def page_picture(ask: Questions, hpa: Hpa, touched: Collection[Hpa]) -> PagePicture:
    """The page that holds ``hpa``, line by line."""
    info = ask.page(hpa)
    guarded = info.owner in ("td_a", "td_b") and ask.world != "legacy"
    pending = info.sept_state.startswith("PENDING")
    texts = _texts(ask, info.hpa, info.owner)
    cells: list[Cell] = []
    for line in ask.page_lines(info.hpa):
        lost = guarded and not line.owner_bit
        signs = _signs(line.poison, line.hpa in touched or line.touched, pending, line.cached)
        owner, letter = ("host", "H") if lost else (info.owner, info.letter)
        words = [f"Line {line.index} at {spaced(line.hpa)}, {info.title}."]
        words += ["TD-owner bit 0: not the TD's line any more, or not yet."] if lost else []
        words += [f"{SIGN_WORDS[sign]}." for sign in signs]
        cells.append(
            Cell(line.hpa, line.index, owner, letter, texts[line.index], signs,
                 " ".join(words) + "\nClick: choose it. Enter or double click: open it.")
        )  # fmt: skip
    return PagePicture(info.hpa, info.owner, f"Page {spaced(info.hpa)}", _detail(info), tuple(cells))


SIGN_WORDS = {
    "changed": "Changed by this step", "poison": "Poisoned: reading it raises a machine check",
    "pending": "Pending: the TD has not accepted the page", "clean": "A copy is in the cache",
    "dirty": "Changed in the cache, not yet in memory",
}  # fmt: skip


def _signs(poison: bool, changed: bool, pending: bool, cached: str) -> tuple[str, ...]:
    found = (("poison", poison), ("changed", changed), ("pending", pending), (cached, cached != "no"))
    return tuple(name for name, on in found if on)


def _detail(info: object) -> str:
    parts = [getattr(info, "title", "")]
    gpa = getattr(info, "gpa", None)
    if gpa is not None:
        parts.append(f"GPA {spaced(gpa)}")
    parts += [word for word in (getattr(info, "sept_state", ""), getattr(info, "kind", "")) if word]
    return " · ".join(parts)


def _texts(ask: Questions, page: Hpa, owner: str) -> list[str]:
    """First bytes of each line as text or hex, through the owner's own eyes."""
    actor = {"td_a": "td-a", "td_b": "td-b", "legacy": "guest"}.get(owner, "host")
    whole = ask.seen(actor, page, PAGE)
    if whole.data is not None and whole.kind != "poison":
        return [preview(whole.data[n : n + LINE]) for n in range(0, PAGE, LINE)]
    if whole.data is None:
        return [""] * (PAGE // LINE)
    return [_line_text(ask, actor, page + n) for n in range(0, PAGE, LINE)]


def _line_text(ask: Questions, actor: str, hpa: Hpa) -> str:
    seen = ask.seen(actor, hpa, LINE)
    if seen.data is None:
        return ""
    return "??" if seen.kind == "poison" else preview(seen.data)


def preview(data: bytes) -> str:
    """Eight characters if the line starts with text, else its first bytes in hex; empty for zeros."""
    if not any(data):
        return ""
    head = data[:8]
    if all(byte in PRINTABLE for byte in head):
        return head.decode("ascii")
    return head[:4].hex(" ")


def describe_page(picture: PagePicture) -> str:
    """The page in words: role, then every line that is out of the ordinary."""
    words = [f"{picture.title}: {picture.detail}. 64 lines."]
    for name, text in SIGN_WORDS.items():
        rows = [str(cell.index) for cell in picture.cells if name in cell.signs]
        if rows:
            some = ", ".join(rows[:12]) + (" and more" if len(rows) > 12 else "")
            words.append(f"{text}: line {some}.")
    lost = [str(cell.index) for cell in picture.cells if cell.owner != picture.owner]
    if lost:
        words.append(f"TD-owner bit 0: line {', '.join(lost[:12])}.")
    return " ".join(words)


def describe_ribbon(parts: tuple[Segment, ...]) -> str:
    """Every segment that somebody uses."""
    rows = [f"{WORDS[p.owner]} {pages_text(p.used)} from {spaced(p.low)}" for p in parts if p.owner != "free"]
    return f"{len(rows)} used areas: " + "; ".join(rows) + "."
