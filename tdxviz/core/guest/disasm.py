"""Machine code as lines of text."""

from tdxviz.core.guest import decoder


def lines(code: bytes, rip: int, bits: int) -> list[tuple[int, bytes, str]]:
    """(address, bytes, Intel-syntax text) of every instruction that is complete in ``code``."""
    rows: list[tuple[int, bytes, str]] = []
    at = 0
    while at < len(code):
        try:
            found = decoder.decode(code[at : at + decoder.LONGEST], rip + at, bits)
        except decoder.Incomplete:
            break
        size = len(found) if found else 1
        words = decoder.text(found) if found else "(bad)"
        rows.append((rip + at, code[at : at + size], words))
        at += size
    return rows
