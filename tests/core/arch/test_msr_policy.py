"""The MSR policy table: rows do not overlap, and single MSRs fall where the specification puts them."""

import pytest

from tdxviz.core.arch import msr_policy as policy


def test_rows_do_not_overlap():
    numbers = [n for row in policy.RULES for part in row.numbers for n in part]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    ("number", "read", "write"),
    [
        (0x48, "direct", "direct"), (0xC0000082, "direct", "direct"), (0x80B, "direct", "direct"), (0x10, "direct", "#VE"),
        (0x1A0, "emulated", "#VE"), (0x10A, "emulated", "#GP(0)"), (0x480, "emulated", "#GP(0)"),
        (0x492, "emulated", "#GP(0)"), (0x9E, "#GP(0)", "#GP(0)"), (0x800, "#GP(0)", "#GP(0)"), (0x831, "#GP(0)", "#GP(0)"),
        (0x8FF, "#GP(0)", "#GP(0)"), (0x1B, "#VE", "#VE"), (0x802, "#VE", "#VE"), (0x830, "#VE", "#VE"),
        (0x250, "#VE", "#VE"), (0x401, "#VE", "#VE"), (0xFFFF_FFFF, "#VE", "#VE"), (0xC0000080, "direct", "emulated"),
    ],
)  # fmt: skip
def test_where_an_msr_belongs(number, read, write):
    row = policy.rule(number)
    assert (row.read, row.write, row.needs) == (read, write, "")


@pytest.mark.parametrize(
    ("number", "feature"),
    [
        (0x6A2, "CET"),
        (0x6E1, "PKS"),
        (0xC1, "PERFMON"),
        (0x570, "PT"),
        (0x1C4, "XFD"),
        (0x6E0, "cpuid:TSC_DEADLINE"),
    ],
)
def test_features(number, feature):
    assert policy.rule(number).needs == feature


def test_what_gives_a_feature():
    assert policy.has("CET", 0, 3 << 11)
    assert not policy.has("CET", 0, 1 << 11)
    assert policy.has("PERFMON", 1 << 63, 0)
    assert not policy.has("cpuid:TME", ~0, ~0)
