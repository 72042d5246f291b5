"""Byte histogram and Shannon entropy of what each pair of eyes sees."""

import math
from collections import Counter


def histogram(data: bytes) -> list[int]:
    """How often each of the 256 byte values occurs."""
    counts = Counter(data)
    return [counts.get(n, 0) for n in range(256)]


def entropy(data: bytes) -> float:
    """Bits per byte: 0 for one repeated value, 8 for perfect noise."""
    if not data:
        return 0.0
    return abs(sum(-c / len(data) * math.log2(c / len(data)) for c in Counter(data).values()))


def verdict_words(bits: float, size: int) -> str:
    """What the number means. 64 bytes cannot show more than 6 bits."""
    most = min(8.0, math.log2(size)) if size > 1 else 0.0
    if bits < 0.01:
        return "one value only"
    return "looks like noise" if bits > 0.93 * most else "structure shows"
