"""INT1 and the narrow IRETs."""

import pytest

from tdxviz.core.faults import SoftwareInterrupt
from tests.core.guest.kit import CODE, STACK, Guest

DPL_0_GATE = CODE + 0x800


def test_int1_is_db_whatever_the_gate_allows():
    guest = Guest(bytes.fromhex("f1"))
    with pytest.raises(SoftwareInterrupt) as caught:
        guest.run()
    happened = caught.value
    assert (happened.vector, happened.length, happened.kind) == (1, 1, "icebp")
    guest.gate(1, DPL_0_GATE)
    guest.cpu.cpl, guest.cpu.dr6 = 0, 0xFFFF_0FF0
    guest.deliver(1, kind=happened.kind, length=happened.length)
    assert guest.cpu.rip == DPL_0_GATE
    assert guest.cpu.dr6 == 0xFFFF_0FF0
    assert int.from_bytes(guest.read(guest.cpu.gprs[4], 8), "little") == CODE + 1


@pytest.mark.parametrize(("code", "size"), [("66cf", 2), ("cf", 4), ("48cf", 8)])
def test_iret_pops_words_of_its_size(code, size):
    guest = Guest(bytes.fromhex(code))
    keep = (1 << 8 * size) - 1
    rsp = STACK + 0x100 & keep
    for n, word in enumerate((CODE + 0x40 & keep, 8, 0x0002 | 0x41, rsp, 0x10)):
        guest.write(STACK + n * size, (word & keep).to_bytes(size, "little"))
    guest.run()
    assert (guest.cpu.rip, guest.cpu.gprs[4]) == (CODE + 0x40 & keep, rsp)
    assert (guest.cpu.cs, guest.cpu.ss, guest.cpu.rflags & 0xFF) == (8, 0x10, 0x43)
