"""What an instant wrote is told by line and KeyID; what it only read is not."""

from tdxviz.core import commands as c
from tdxviz.core.machine import Machine
from tdxviz.core.peek_change import written_lines


def test_a_store_is_told_and_a_load_is_not() -> None:
    machine = Machine("ci")
    before = machine.copy()
    machine.do(c.HostRead(hpa=0x5000, size=8))
    assert written_lines(before, machine) == ()
    before = machine.copy()
    machine.do(c.HostWrite(hpa=0x5008, data=b"12345678"))
    assert written_lines(before, machine) == ((0x5000, 0),)
    assert written_lines(machine, machine.copy()) == ()
