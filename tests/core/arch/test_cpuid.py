"""CPUID values of a new TD."""

from tdxviz.core.arch import cpuid


def test_values_follow_xfam_and_the_tsc():
    fields = cpuid.initial(0x1803, 100)
    assert cpuid.unpack(fields["CPUID_7_0"]) == (0, 0, cpuid.CET_SS, cpuid.CET_IBT)
    assert cpuid.unpack(fields["CPUID_D_0"])[0] == 3
    assert cpuid.unpack(fields["CPUID_15_0"]) == (1, 100, 25_000_000, 0)
    assert cpuid.unpack(cpuid.initial(3, 40)["CPUID_7_0"]) == (0, 0, 0, 0)
    assert set(fields) == set(cpuid.NAMES.values())


def test_leaves_above_the_last_are_the_last_basic_one():
    assert cpuid.resolve(0x22, 5) == (0x21, 0)
    assert cpuid.resolve(0x7FFF_FFFF, 0) == (0x21, 0)
    assert cpuid.resolve(0x8000_0009, 0) == (0x21, 0)
    assert cpuid.resolve(0xD, 1) == (0xD, 1)
    assert cpuid.resolve(0x1, 9) == (0x1, 0)


def test_a_tds_counter_starts_at_zero_and_runs_at_its_own_frequency():
    assert cpuid.tsc_virtualisation(0, 100) == (1 << 48, 0)
    assert cpuid.tsc_virtualisation(1000, 50) == (1 << 47, (1 << 64) - 500)
    multiplier, offset = cpuid.tsc_virtualisation(123_456_789, 77)
    assert (123_456_789 * multiplier >> 48) + offset & (1 << 64) - 1 == 0
