"""Fields of control structures: inside their pages, beside each other, never on top."""

import pytest

from tdxviz.core.arch import structures as s
from tdxviz.core.units import PAGE

STRUCTURES = {"TDR": (s.TDR, 1), "TDCS": (s.TDCS, s.MIN_TDCX), "TDVPS": (s.TDVPS, s.MIN_TDVPS)}


@pytest.mark.parametrize("name", STRUCTURES)
def test_fields_lie_in_their_pages_and_apart(name):
    layout, pages = STRUCTURES[name]
    taken: dict[tuple[int, int], str] = {}
    for field, (page, offset, size) in layout.items():
        assert 0 <= page < pages, field
        assert offset + size <= PAGE, field
        for at in range(offset, offset + size):
            assert (page, at) not in taken, (field, taken.get((page, at)))
            taken[page, at] = field


def test_no_field_lies_where_the_module_keeps_whole_pages():
    special = {s.MSR_BITMAP_INDEX, s.SEPT_ROOT_INDEX}
    assert not special & {page for page, _, _ in s.TDCS.values()}
