"""What is pending at a logical processor, and the host's own APIC."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.hw import interrupts
from tdxviz.core.hw.platform import INIT, MSMI, NMI, SMI
from tdxviz.core.machine import Machine
from tests.core.hw import kit
from tests.core.test_legacy import vm


def test_everything_waits_and_the_highest_comes_first():
    p, lp, _ = kit.flat()
    for event in (0x20, NMI, 0xFF, 0x21, INIT, MSMI, SMI, 0x20):
        lp.pending |= 1 << event
    assert [lp.take() for _ in range(7)] == [MSMI, SMI, INIT, NMI, 0xFF, 0x21, 0x20]
    assert lp.pending_interrupt == -1


def test_host_software_takes_what_is_still_pending_when_a_guest_has_left():
    machine = vm(b"\x90" * 10)
    for vector in (0x20, 0x41, 0x30):
        machine.do(c.RaiseInterrupt(vector=vector))
    machine.do(c.RaiseInterrupt(kind="nmi"))
    events = machine.do(c.RunGuest(steps=5))
    (left,) = [n for n in events if isinstance(n, e.VmExited)]
    assert (left.reason, left.why) == (0, "NMI")
    taken = [(n.kind, n.vector) for n in events if isinstance(n, e.InterruptHandled)]
    assert taken == [("interrupt", 0x41), ("interrupt", 0x30), ("interrupt", 0x20)]
    machine.do(c.VmEnter())
    assert not [n for n in machine.do(c.RunGuest(steps=1)) if isinstance(n, e.VmExited)]


WAYS = {
    ("x2apic", "disabled"): True, ("disabled", "xapic"): True, ("xapic", "x2apic"): True, ("xapic", "disabled"): True,
    ("x2apic", "xapic"): False, ("disabled", "x2apic"): False,
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_mode_of_the_apic_changes_along_the_legal_ways(way):
    machine = Machine("ci")
    lp = machine.platform.lps[1]
    lp.apic = way[0]
    before = machine.fingerprint()
    (event,) = machine.do(c.HostApic(lp=1, mode=way[1]))
    assert isinstance(event, e.ApicModeSet if WAYS[way] else e.HostFaulted)
    assert lp.apic == (way[1] if WAYS[way] else way[0])
    assert (machine.fingerprint() != before) == WAYS[way]
    assert machine.copy().platform.lps[1].apic == lp.apic
    assert {w for w, fine in WAYS.items() if not fine} == interrupts.ILLEGAL
