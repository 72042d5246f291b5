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
