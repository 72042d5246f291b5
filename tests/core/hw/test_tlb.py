"""The TLB: tagged by VPID, first in first out, flushed only by whoever must."""

import hashlib

import pytest

from tdxviz.core.hw.tlb import CAPACITY, Tlb, TlbEntry
from tdxviz.core.units import PAGE


def entry(vpid: int, gla: int, hpa: int = 0) -> TlbEntry:
    return TlbEntry(vpid, gla, gla, hpa, 33, "rwx", False, 1)


def test_lookup_is_by_page_and_tag():
    tlb = Tlb()
    tlb.fill(entry(4, PAGE, 0x5000))
    assert tlb.lookup(4, PAGE + 0x7FF) == entry(4, PAGE, 0x5000)
    assert tlb.lookup(8, PAGE) is None
    assert tlb.lookup(4, 2 * PAGE) is None


def test_the_oldest_goes_when_it_is_full():
    tlb = Tlb()
    for n in range(CAPACITY):
        tlb.fill(entry(4, n * PAGE))
    tlb.fill(entry(4, 0, 7))  # refilled: now the youngest
    tlb.fill(entry(4, CAPACITY * PAGE))
    assert len(tlb.entries()) == CAPACITY
    assert tlb.lookup(4, 0) is not None
    assert tlb.lookup(4, PAGE) is None


@pytest.mark.parametrize(
    ("vpid", "gla", "left"), [(None, None, 0), (4, None, 1), (4, PAGE + 5, 2), (9, None, 3)]
)
def test_flush(vpid, gla, left):
    tlb = Tlb()
    for e in (entry(4, 0), entry(4, PAGE), entry(8, PAGE)):
        tlb.fill(e)
    assert tlb.flush(vpid, gla) == 3 - left
    assert len(tlb.entries()) == left


def test_copies_are_independent():
    tlb = Tlb()
    tlb.fill(entry(4, 0))
    twin = tlb.copy()
    twin.flush()
    h, g = hashlib.sha256(), hashlib.sha256()
    tlb.digest(h)
    twin.digest(g)
    assert tlb.lookup(4, 0) is not None
    assert h.digest() != g.digest()
