"""The host's notes of a boot: in its own memory, so that they go where the machine goes."""

import pytest

from tdxviz.core.commands import HostWrite
from tdxviz.core.drive import carry_out, drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import firmware_notes as fn
from tdxviz.core.machine import Machine


def test_no_notes_without_a_boot():
    assert fn.read(Machine("ci")) is None


def test_they_come_back_and_copies_go_their_own_way():
    machine = Machine("ci")
    notes = fn.Notes("a.fd", 1 << 27, 1 << 26, ports={0x70: 15}, fatal=(3, b"x"), answer={"R10": 0})
    carry_out(machine, fn.keep(machine, notes))
    assert fn.read(machine) == notes
    twin = machine.copy()
    notes.ports[0x70] = 16
    carry_out(machine, fn.keep(machine, notes))
    assert fn.read(machine).ports == {0x70: 16}
    assert fn.read(twin).ports == {0x70: 15}


def test_only_changed_lines_are_written():
    machine = Machine("ci")
    notes = fn.Notes("a.fd", 1 << 27, 1 << 26, ports={n: n for n in range(100)})
    carry_out(machine, fn.keep(machine, notes))
    assert drive(machine, fn.keep(machine, notes))[0] == []
    notes.ports[3] = 9
    (event,) = drive(machine, fn.keep(machine, notes))[0]
    assert len(event.data) == 64


def test_a_guest_cannot_make_them_grow_for_ever():
    machine = Machine("ci")
    notes = fn.Notes("a.fd", 1, 1, mmio={n << 40: n for n in range(5_000)})
    carry_out(machine, fn.keep(machine, notes))
    assert len(fn.read(machine).mmio) == fn.MOST


@pytest.mark.parametrize(
    "data", [b"\x05" + bytes(63), b"\xff" * 64, (1 << 40).to_bytes(8, "little") + b"{" * 56]
)
def test_notes_that_somebody_overwrote_are_told(data):
    machine = Machine("ci")
    machine.do(HostWrite(hpa=fn.PLACE, data=data))
    with pytest.raises(TdxvizError, match="were overwritten"):
        fn.read(machine)
