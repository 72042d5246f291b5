"""DRAM: sparse lines, copies that share until one of them writes, a digest of the content alone."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core.hw.dram import Dram, Line
from tdxviz.core.units import LINE, MIB, PAGE


def digest(dram: Dram) -> str:
    h = hashlib.sha256()
    dram.digest(h)
    return h.hexdigest()


def line(n: int) -> Line:
    return Line(bytes([n]) * LINE, n, bool(n & 1), False)


def test_absent_until_written():
    dram = Dram(MIB)
    assert dram.line(0) is None
    dram.put(PAGE + LINE, line(3))
    assert dram.line(PAGE + LINE) == line(3)
    assert dram.line(PAGE) is None
    assert dram.line(PAGE + 2 * LINE) is None
    assert dram.pages() == (PAGE,)


WRITES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 200).map(lambda n: n * LINE), st.integers(0, 255)),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(WRITES, WRITES)
def test_copies_are_independent(before, after):
    first = Dram(MIB)
    model: dict[str, dict[int, Line]] = {"a": {}}
    for _, at, n in before:
        first.put(at, line(n))
        model["a"][at] = line(n)
    drams = {"a": first, "b": first.copy()}
    model["b"] = dict(model["a"])
    for who, at, n in after:
        drams[who].put(at, line(n))
        model[who][at] = line(n)
    for who, dram in drams.items():
        assert {at: dram.line(at) for at in range(0, 201 * LINE, LINE) if dram.line(at)} == model[who]


@settings(max_examples=60, deadline=None)
@given(WRITES, st.booleans())
def test_the_digest_depends_on_content_alone(writes, ask_between):
    one, final = Dram(MIB), {}
    for _, at, n in writes:
        one.put(at, line(n))
        final[at] = line(n)
        if ask_between:
            digest(one)
            one = one.copy()
    other = Dram(MIB)
    for at in sorted(final, reverse=True):
        other.put(at, final[at])
    assert digest(one) == digest(other)
    if final:
        at = next(iter(final))
        other.put(at, final[at]._replace(poison=True))
        assert digest(one) != digest(other)


def test_every_field_of_a_line_reaches_the_digest():
    seen = set()
    base = line(2)
    for other in (base, base._replace(data=line(3).data), base._replace(mac=9),
                  base._replace(owner=True), base._replace(poison=True)):  # fmt: skip
        dram = Dram(MIB)
        dram.put(0, other)
        seen.add(digest(dram))
    assert len(seen) == 5


class Stripe:
    """Lines that are the same all over."""

    def __init__(self, low, high, n):
        self.low, self.high, self.n = low, high, n

    def line(self, hpa):
        return line(self.n)

    def digest(self, h):
        h.update(repr((self.low, self.high, self.n)).encode())


def test_an_area_lies_under_what_is_written_line_by_line():
    dram = Dram(MIB)
    dram.put(5 * LINE, line(1))
    before = digest(dram)
    dram.cover(Stripe(4 * LINE, PAGE, 7))
    assert [dram.line(n * LINE) for n in (3, 4, 5, 63, 64)] == [None, line(7), line(1), line(7), None]
    assert not dram.disturbed and digest(dram) != before
    assert [dram.own_line(n * LINE) for n in (4, 5)] == [False, True]
    twin = dram.copy()
    dram.put(3 * LINE, line(2))
    assert not dram.disturbed
    dram.put(4 * LINE, line(2))
    assert dram.disturbed and not twin.disturbed
    assert (dram.line(4 * LINE), twin.line(4 * LINE)) == (line(2), line(7))
    assert dram.touched(63 * LINE) and not dram.touched(PAGE)


def test_an_area_grows_from_its_first_line():
    dram = Dram(MIB)
    for pages in (1, 2):
        dram.cover(Stripe(PAGE, PAGE + pages * PAGE, pages))
    dram.cover(Stripe(8 * PAGE, 9 * PAGE, 3))
    assert [dram.line(n * PAGE) for n in (1, 2, 3, 8)] == [line(2), line(2), None, line(3)]
