"""The map of the scenario: nothing on top of anything, and clear words for what is not on it."""

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import programs
from tdxviz.core.host import layout
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import MIB, PAGE


def areas():
    return [
        (layout.TD_PARAMS, 1024), (layout.TDMR_LIST, 512), (layout.TDMR_INFO, 512),
        (layout.SOURCE_PAGES, 17 * PAGE), (layout.PRIVATE, layout.RESET_PAGE + PAGE - layout.PRIVATE),
        (layout.TDR, PAGE), (layout.TDCX, 6 * PAGE), (layout.TDVPR, PAGE), (layout.TDVPS, 5 * PAGE),
        (layout.TABLES, MIB), *layout.PAMTS,
    ]  # fmt: skip


def test_areas_do_not_overlap_and_lie_in_memory():
    platform = Platform.fresh("ci", 7)
    end = 0
    for low, size in sorted(areas()):
        assert low >= end
        end = low + size
        assert end <= platform.size
    low, high = platform.seam_range
    assert all(at + size <= low or at >= high for at, size in areas())


def test_pages_of_the_program_have_a_place():
    places = [layout.hpa_of(gpa) for gpa in programs.load("vault").pages]
    assert len(set(places)) == len(places)
    assert layout.hpa_of(0x8000_3540) == layout.PRIVATE + 0x3540
    assert layout.hpa_of(0xFFFF_FFF0) == layout.RESET_PAGE + 0xFF0


@pytest.mark.parametrize("gpa", [0, 0x7FFF_FFFF, 0x8001_0000, 0xFFFF_EFFF, 1 << 47])
def test_other_addresses_are_refused_in_words(gpa):
    with pytest.raises(TdxvizError, match=f"{gpa:#x}"):
        layout.hpa_of(gpa)


def test_a_misspelt_symbol_gets_a_hint():
    assert layout.symbol("password") == 0x8000_3540
    with pytest.raises(TdxvizError, match="password"):
        layout.symbol("pasword")
