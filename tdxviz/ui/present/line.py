"""One 64-byte line through all eyes, its metadata, and what changed in it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tdxviz.core.units import LINE, Hkid, Hpa, page_of
from tdxviz.ui.present.hexes import actor_title, owner_token, readable, sentence, spaced
from tdxviz.ui.present.questions import Questions

if TYPE_CHECKING:  # the core is heavy and must not be imported before the first paint
    from tdxviz.core.observe import Seen
    from tdxviz.core.peek import LineDetail, PageInfo

MOST_BACK = 20_000
"""Events searched backwards for what the line held before."""
FEW = 32
"""With more differing bytes than this the rows are simply different; marking all tells nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One pair of eyes. ``data`` is None when they get nothing; ``cells`` is what to draw then."""

    title: str
    owner: str
    kind: str
    mark: str
    reason: str
    data: bytes | None
    marked: frozenset[int]
    """Bytes to point out, with ``why_marked`` in words."""
    why_marked: str = ""
    tone: str = "secondary"
    """Colour role of the mark."""

    def cell(self, index: int) -> str:
        """Two characters for one byte."""
        if self.kind == "poison":
            return "??"
        return "··" if self.data is None else f"{self.data[index]:02x}"

    @property
    def uniform(self) -> bool:
        """All 64 cells look the same, so one row of them says it all."""
        return self.data is None or self.kind == "poison" or len(set(self.data)) == 1

    @property
    def text(self) -> str:
        """The bytes as text where they are text, quoted."""
        words = readable(self.data, LINE) if self.data is not None and self.kind == "readable" else ""
        return f"“{words}”" if words else ""


@dataclass(frozen=True, slots=True)
class Mac:
    """``sign`` is ``=``, ``≠`` or empty when there is nothing to compare."""

    stored: str
    expected: str
    sign: str
    words: str


@dataclass(frozen=True, slots=True)
class LinePicture:
    hpa: Hpa
    index: int
    detail: str
    rows: tuple[Row, ...]
    mac: Mac
    owner_bit: str
    """``1``, ``0``, or empty in a world without owner bits."""
    owner_words: str
    poison: bool
    cached: tuple[tuple[Hkid, bool], ...]
    caption: str
    bad: bool
    """The caption tells of harm."""


def line_picture(ask: Questions, hpa: Hpa, events: Sequence[Any], index: int) -> LinePicture:
    """Everything the panel shows of the line that holds ``hpa``."""
    detail, info = ask.line(hpa), ask.page(hpa)
    rows = _merged(_rows(ask, detail, info, events, index))
    bit, bit_words = _owner_bit(ask.world, detail, info)
    number = detail.hpa % 4096 // LINE
    return LinePicture(
        hpa=detail.hpa,
        index=number,
        detail=f"line {number} of page {spaced(page_of(hpa))} · {info.title}",
        rows=rows,
        mac=_mac(ask.world, detail, info),
        owner_bit=bit,
        owner_words=bit_words,
        poison=detail.poison,
        cached=detail.cached,
        caption=_caption(ask.world, detail, info),
        bad=detail.td.kind == "poison" or detail.poison,
    )


# --- the rows -----------------------------------------------------------------------------------

MARKS = {
    "readable": "✔ readable", "zeros": "✕ zeros", "noise": "✕ noise", "poison": "✕ poison",
    "refused": "✕ nothing",
}  # fmt: skip


def _rows(
    ask: Questions, detail: "LineDetail", info: "PageInfo", events: Sequence[Any], index: int
) -> tuple[Row, ...]:
    guest = detail.td.data if detail.td.kind == "readable" else None
    harm = "bad" if info.owner in GUESTS else "text"
    rows = [
        _row(f"{actor_title(detail.td.actor)} sees", owner_token(detail.td.actor), detail.td, None, "good"),
        _row("Host sees", "host", detail.host, guest, harm),
        _row("Device sees", "device", detail.device, guest, harm),
    ]
    old, number = before(events, index, detail.hpa, detail.cipher)
    changed = _differing(old, detail.cipher)
    why = f"changed since event #{number}" if changed else ""
    chips = Row(
        "DRAM holds",
        info.owner,
        detail.probe.kind,
        "",
        _chips_words(ask, detail),
        detail.cipher,
        changed,
        why,
    )
    return (*rows, chips)


GUESTS = ("td_a", "td_b", "legacy")


def _row(title: str, owner: str, seen: "Seen", against: bytes | None, readable_tone: str) -> Row:
    marked = _differing(against, seen.data) if seen.kind == "readable" else frozenset[int]()
    why = "differs from what the guest sees" if marked else ""
    tone = {"readable": readable_tone, "poison": "bad"}.get(seen.kind, "secondary")
    return Row(title, owner, seen.kind, MARKS[seen.kind], sentence(seen.reason), seen.data, marked, why, tone)


def _differing(one: bytes | None, two: bytes | None) -> frozenset[int]:
    if one is None or two is None:
        return frozenset()
    found = frozenset(n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    return found if len(found) <= FEW else frozenset()


def _merged(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Host and device as one row while they see the same for the same reason."""
    guest, host, device, chips = rows
    if (host.data, host.kind, host.reason) != (device.data, device.kind, device.reason):
        return rows
    return guest, replace(host, title="Host and device see"), chips


def _chips_words(ask: Questions, detail: "LineDetail") -> str:
    if ask.world == "legacy":
        return "Plain text on the memory bus"
    return "What a probe on the bus gets: ciphertext" if any(detail.cipher) else "Never written"


def before(events: Sequence[Any], index: int, line: Hpa, now: bytes) -> tuple[bytes | None, int]:
    """What DRAM held in this line before its newest change, and the event that showed it.

    Looks for the latest earlier event that carries the line's ciphertext; None if there is none
    or it is the same as ``now``.
    """
    for number in range(index - 1, max(index - MOST_BACK, 0) - 1, -1):
        event = events[number]
        cipher = getattr(event, "cipher", None)
        if cipher is not None and event.hpa == line and cipher != now:
            return cipher, number
    return None, -1


# --- metadata -----------------------------------------------------------------------------------


def mac_text(mac: int | None) -> str:
    """28 bits as seven nibbles, ``0x5a1 90c7``; a dash for none."""
    return "none" if mac is None else f"0x{mac >> 16:03x} {mac & 0xFFFF:04x}"


def _guarded(info: "PageInfo") -> bool:
    return info.owner in ("td_a", "td_b")


def _mac(world: str, detail: "LineDetail", info: "PageInfo") -> Mac:
    if world == "legacy":
        return Mac("", "", "", "No MAC: memory is not encrypted in this world.")
    if world == "li":
        return Mac("", "", "", "No MAC in the Li world: only the owner bit guards the line.")
    if not _guarded(info):
        return Mac(mac_text(detail.mac_stored), "", "", "Not a TD's line: nobody recomputes a MAC here.")
    if detail.mac_expected is None:
        words = "Poisoned: no reader gets as far as the MAC." if detail.poison else "Nothing to compare."
        return Mac(mac_text(detail.mac_stored), "", "", words)
    same = detail.mac_stored == detail.mac_expected
    words = "the key's MAC of these bytes" if same else "what the owner's key makes of these bytes"
    return Mac(mac_text(detail.mac_stored), mac_text(detail.mac_expected), "=" if same else "≠", words)


def _owner_bit(world: str, detail: "LineDetail", info: "PageInfo") -> tuple[str, str]:
    if world == "legacy":
        return "", "no owner bit in this world"
    if detail.owner_bit:
        return "1", "only its own key may read it; a shared KeyID gets zeros"
    if _guarded(info):
        return "0", "not written with the TD's key: a private read is poisoned"
    return "0", "readable with a shared KeyID"


def _caption(world: str, detail: "LineDetail", info: "PageInfo") -> str:
    """The conclusion, from what is seen; the core's own words otherwise."""
    dirty = any(keyid == 0 and changed for keyid, changed in detail.cached)
    if detail.poison and detail.td.kind == "refused":
        return f"The line is poisoned. {sentence(detail.td.reason)}."
    if world != "legacy" and detail.td.kind == "readable" and dirty:
        return "The host's change sits in its own cached copy; it reaches memory when that is written back."
    return sentence(detail.caption)


def describe(picture: LinePicture) -> str:
    rows = [f"{row.title}: {row.mark or row.kind}. {row.reason}. {row.text}".strip() for row in picture.rows]
    mac = picture.mac
    compared = (
        f"MAC stored {mac.stored} {mac.sign} recomputed {mac.expected}. " if mac.sign else f"{mac.words} "
    )
    bit = f"TD-owner bit {picture.owner_bit}. " if picture.owner_bit else ""
    return (
        f"Cache line {spaced(picture.hpa)}, {picture.detail}. {' '.join(rows)} {compared}{bit}"
        f"{'Poisoned. ' if picture.poison else ''}{picture.caption}"
    )
