"""Bytes and addresses as the stage writes them: short, grouped, never longer than its box."""

import re

from tdxviz.core.units import Hpa

PRINTABLE = range(0x20, 0x7F)


def hex_bytes(data: bytes, count: int = 8) -> str:
    """``c3 5d 00 b8``; an ellipsis when there is more than ``count`` bytes."""
    return data[:count].hex(" ") + (" …" if len(data) > count else "")


def spaced(hpa: Hpa) -> str:
    """``0x0041 3540``: nibbles in fours, at least eight of them."""
    digits = f"{hpa:08x}"
    head = len(digits) % 4
    groups = [digits[:head]] if head else []
    groups += [digits[n : n + 4] for n in range(head, len(digits), 4)]
    return "0x" + " ".join(groups)


def bare(hpa: Hpa) -> str:
    """``413540``: for tables whose heading already says that it is an address."""
    return f"{hpa:06x}"


def readable(data: bytes, count: int = 8) -> str:
    """The text at the start of ``data``, or empty if fewer than four characters are text."""
    head = bytes(data[:count])
    length = next((n for n, byte in enumerate(head) if byte not in PRINTABLE), len(head))
    return head[:length].decode("ascii") if length >= 4 else ""


def plain_words(data: bytes) -> str:
    """How a token inside the package shows its bytes: as text where it is text."""
    text = readable(data, 8)
    return f"“{text}”" if text else hex_bytes(data, 4).removesuffix(" …")


def sentence(words: str) -> str:
    """With a capital at the start, and guests by their titles."""
    named = re.sub(r"\b(td|vm)-[a-z]\b", lambda found: actor_title(found[0]), words)
    return named[:1].upper() + named[1:]


def owner_token(actor: str) -> str:
    """Colour token of an actor (screens.md 5.3): ``td-a`` is ``td_a``, a legacy VM ``legacy``."""
    if actor.startswith("vm-"):
        return "legacy"
    if actor.startswith("td-"):
        return "td_a" if actor[3:] in ("a", "c", "e") else "td_b"
    return actor if actor in ("host", "module", "device") else "host"


def actor_title(actor: str) -> str:
    """``TD-A``, ``VM A``, ``Host software`` ..."""
    if actor.startswith("td-"):
        return actor.upper()
    if actor.startswith("vm-"):
        return f"VM {actor[3:].upper()}"
    return {
        "host": "Host software",
        "device": "Device (DMA)",
        "probe": "Probe on the bus",
        "module": "TDX module",
    }.get(actor, actor)
