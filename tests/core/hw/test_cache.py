"""The cache: tags carry the KeyID, eight ways, dirty lines, no coherence between aliases (R7)."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core.hw.cache import SETS, WAYS, Cache, CacheLine
from tdxviz.core.units import LINE, split_keyid

STEP = SETS * LINE
"""Distance of two addresses in the same set."""


def data(n: int) -> bytes:
    return bytes([n % 256]) * LINE


def digest(cache: Cache) -> str:
    h = hashlib.sha256()
    cache.digest(h)
    return h.hexdigest()


def test_one_line_under_two_keyids_is_two_entries():
    cache = Cache()
    cache.fill(0, 0, data(1))
    cache.fill(0, 33, data(2))
    assert cache.lookup(0, 0) == CacheLine(data(1), False)
    assert cache.lookup(0, 33) == CacheLine(data(2), False)
    cache.write(0, 0, data(3))
    assert cache.lookup(0, 33) == CacheLine(data(2), False)
    assert cache.drop(0, 0) == CacheLine(data(3), True)
    assert cache.lookup(0, 0) is None
    assert cache.lookup(0, 33) is not None


def test_the_copies_of_a_line_are_found_under_every_keyid():
    cache = Cache()
    cache.fill(0x40, 33, data(1))
    cache.fill(0x40, 0, data(2))
    cache.fill(0x40 + STEP, 5, data(3))
    assert sorted(split_keyid(tag) for tag in cache.tags(0x40)) == [(0x40, 0), (0x40, 33)]
    assert cache.tags(0x80) == []


def test_the_ninth_line_of_a_set_drives_the_oldest_out():
    cache = Cache()
    for n in range(WAYS):
        assert cache.fill(n * STEP, 5, data(n)) == (0, n, None)
    cache.write(0, 5, data(77))
    number, way, evicted = cache.fill(WAYS * STEP, 5, data(8))
    assert (number, way) == (0, WAYS - 1)
    assert evicted is not None
    assert (evicted.hpa, evicted.keyid, evicted.line) == (0, 5, CacheLine(data(77), True))
    assert cache.lookup(0, 5) is None


def test_another_set_is_not_disturbed():
    cache = Cache()
    for n in range(WAYS + 3):
        cache.fill(n * STEP, 0, data(n))
    cache.fill(LINE, 0, data(9))
    assert cache.lookup(LINE, 0) is not None
    assert len(cache.lines) == WAYS + 1


def test_dropping_what_is_not_there():
    assert Cache().drop(0, 0) is None


def test_clear():
    cache = Cache()
    cache.fill(0, 0, data(1))
    cache.clear()
    assert cache.lines == {}
    assert digest(cache) == digest(Cache())


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["fill", "write", "drop"]), st.integers(0, 11), st.sampled_from([0, 3, 33]),
        st.integers(0, 255),
    ),
    max_size=60,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(ACTS)
def test_never_more_than_its_ways_and_never_loses_a_dirty_line(acts):
    cache, dirty = Cache(), {}
    for act, n, keyid, value in acts:
        hpa = n * STEP
        if act == "fill" and cache.lookup(hpa, keyid) is None:
            _, _, evicted = cache.fill(hpa, keyid, data(value))
            if evicted is not None:
                assert dirty.pop((evicted.hpa, evicted.keyid), None) == (
                    evicted.line.data if evicted.line.dirty else None
                )
        elif act == "write" and cache.lookup(hpa, keyid) is not None:
            cache.write(hpa, keyid, data(value))
            dirty[hpa, keyid] = data(value)
        elif act == "drop":
            cache.drop(hpa, keyid)
            dirty.pop((hpa, keyid), None)
        assert len(cache.lines) <= WAYS
        assert {split_keyid(tag): line.data for tag, line in cache.lines.items() if line.dirty} == dirty


@settings(max_examples=50, deadline=None)
@given(ACTS)
def test_copies_are_independent(acts):
    cache = Cache()
    for n in range(4):
        cache.fill(n * STEP, 0, data(n))
    before, twin = digest(cache), cache.copy()
    for act, n, keyid, value in acts:
        if act == "drop":
            twin.drop(n * STEP, keyid)
        elif twin.lookup(n * STEP, keyid) is None:
            twin.fill(n * STEP, keyid, data(value))
        else:
            twin.write(n * STEP, keyid, data(value))
    assert digest(cache) == before
