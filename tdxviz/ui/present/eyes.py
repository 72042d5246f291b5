"""The same page and the same line through every pair of eyes. All of it from ``observe``."""

import colorsys
from dataclasses import dataclass
from functools import lru_cache

from tdxviz.core.units import PAGE, Hpa
from tdxviz.ui.present.ask import PICTURE, Ask
from tdxviz.ui.present.hexes import actor_title, hex_bytes, owner_token, spaced

SIDE = 64
"""Width and height of the picture in pixels, one byte each."""


@dataclass(frozen=True)
class Card:
    """One pair of eyes."""

    actor: str
    title: str
    tone: str
    picture: bytes | None
    """4096 bytes as this actor gets them; None if it gets none."""
    first: bytes | None
    """The line in question as this actor gets it."""
    kind: str
    reason: str
    mark: str
    role: str
    """``good``, ``bad`` or ``text``: what the mark means for the guest."""
    note: str = ""

    @property
    def short_title(self) -> str:
        """For narrow cards."""
        return SHORT_TITLES.get(self.actor, self.title)

    @property
    def short_mark(self) -> str:
        return self.mark.replace("not readable", "hidden")


SHORT_TITLES = {"host": "Host", "device": "Device", "probe": "Bus probe"}


def cards(ask: Ask, hpa: Hpa) -> tuple[Card, ...]:
    """Guest, host, device, probe; other guests last."""
    everyone = ask.actors()
    mine, others = everyone[0], [a for a in everyone[1:] if a.startswith(("td-", "vm-"))]
    order = (mine, "host", "device", "probe", *others)
    return tuple(_card(ask, actor, hpa, mine) for actor in order)


def _card(ask: Ask, actor: str, hpa: Hpa, owner: str) -> Card:
    page = ask.seen(actor, PICTURE, PAGE)
    line = ask.seen(actor, hpa, 64)
    mark, role = _mark(page.kind, actor == owner)
    tone = "outside" if actor == "probe" else owner_token(actor)
    empty = not any(line.data or b"")
    note = "" if line.kind == page.kind or (empty and page.kind == "zeros") else line.reason
    reason = brief(page.reason)
    if page.kind == "readable" and actor != owner and not any(page.data or b""):
        mark, role, reason = "✕ not yet", "text", "zeros: the picture is still in the cache"
    return Card(actor, actor_title(actor), tone, page.data, line.data, page.kind,
                reason, mark, role, note)  # fmt: skip


def _mark(kind: str, own: bool) -> tuple[str, str]:
    if kind == "readable":
        return ("✔ readable", "good") if own else ("⚠ readable", "bad")
    return "✕ not readable", "bad" if own else "text"


SHORT = {
    "its own data, decrypted with its own key": "its own data",
    "noise: AES-XTS ciphertext, and the key never leaves the CPU": "noise: AES-XTS, and it has no key",
    "plain text: nothing is encrypted in this world": "plain text: nothing is encrypted",
    "zeros: the line's TD-owner bit is 1": "zeros: owner bit\u00a0is\u00a01",
}


def brief(reason: str) -> str:
    """``observe``'s reason in the words that fit beside a picture."""
    return SHORT.get(reason, reason)


@lru_cache(maxsize=4)
def colours(palette: tuple[int, ...]) -> tuple[int, ...]:
    """256 colours as 0xAARRGGBB: the guest's own first, then a spread in which noise looks like
    noise."""
    own = tuple(0xFF000000 | colour for colour in palette)
    return own + tuple(_spread(n) for n in range(len(own), 256))


def _spread(n: int) -> int:
    hue, value = n * 0.618034 % 1.0, 0.45 + 0.5 * (n * 0.381966 % 1.0)
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.35 + 0.5 * (n * 0.754878 % 1.0), value)
    return 0xFF000000 | int(red * 255) << 16 | int(green * 255) << 8 | int(blue * 255)


def caption(hpa: Hpa) -> str:
    """What the pictures and bytes are of."""
    return f"picture: page {spaced(PICTURE)} · bytes: line {spaced(hpa)}"


def bytes_text(card: Card, count: int) -> str:
    """The first bytes of the line, or dots where the actor gets none."""
    if card.first is None:
        return " ".join(["··"] * count)
    if card.kind == "poison":
        return " ".join(["??"] * count)
    return hex_bytes(card.first[:count], count)


def describe(found: tuple[Card, ...], hpa: Hpa) -> str:
    """All cards in words."""
    parts = [f"Who sees what, right now. {caption(hpa)}."]
    for card in found:
        words = card.mark[2:]
        parts.append(f"{card.title}: {words}; {card.reason}; bytes {bytes_text(card, 8)}.")
    return " ".join(parts)
