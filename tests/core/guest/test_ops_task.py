"""LTR (SDM volume 2): checks, the busy bit, and the stack that an IST gate then finds."""

import pytest

from tdxviz.core.faults import GuestFault
from tests.core.guest.kit import GDT, Guest

LTR_CX = bytes.fromhex("0f00d9")


def guest(selector: int) -> Guest:
    g = Guest(LTR_CX)
    g.cpu.gprs[1] = selector
    return g


def test_it_loads_the_segment_and_marks_it_busy():
    g = guest(0x28)
    assert g.run() == 1
    assert (g.cpu.tr.selector, g.cpu.tr.limit, g.cpu.tr.attributes & 0xF) == (0x28, 0x67, 11)
    assert g.read(GDT + 0x28 + 5, 1)[0] & 0xF == 11
    g.cpu.rip -= 3
    with pytest.raises(GuestFault) as caught:
        g.run()
    assert (caught.value.vector, caught.value.error) == (13, 0x28)  # busy already


@pytest.mark.parametrize(("selector", "error"), [(0, 0), (3, 0), (0x08, 8), (0x2C, 0x2C), (0x100, 0x100)])
def test_a_selector_that_names_no_available_tss_is_gp(selector, error):
    g = guest(selector)
    with pytest.raises(GuestFault) as caught:
        g.run()
    assert (caught.value.vector, caught.value.error) == (13, error)


def test_it_is_privileged():
    g = guest(0x28)
    g.cpu.cpl = 3
    with pytest.raises(GuestFault) as caught:
        g.run()
    assert (caught.value.vector, caught.value.error) == (13, 0)
