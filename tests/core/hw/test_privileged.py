"""INVD and WBINVD by host software: what goes, what is written back, what faults."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine

AT = layout.SOURCE_PAGES


def dirty(machine: Machine) -> None:
    machine.do(c.HostWrite(hpa=AT, data=b"old", how="partial"))
    machine.do(c.HostWrite(hpa=AT, data=b"new"))


def test_invd_loses_what_memory_does_not_have_yet():
    machine = Machine("legacy")
    dirty(machine)
    assert machine.do(c.HostExec(insn="INVD")) == (e.HostExecuted(lp=1, insn="INVD", lines=1),)
    assert machine.do(c.HostRead(hpa=AT, size=3))[-1].data == b"old"


@pytest.mark.parametrize("world", ["li", "ci"])
def test_invd_faults_while_the_seam_range_is_protected(world):
    machine = Machine(world)
    dirty(machine)
    before = machine.fingerprint()
    (fault,) = machine.do(c.HostExec(insn="INVD"))
    assert isinstance(fault, e.HostFaulted)
    assert fault.fault == "#GP(0)"
    assert machine.fingerprint() == before


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
def test_wbinvd_writes_every_line_back_under_its_own_keyid(ready, world):
    machine = ready(world)
    machine.do(c.RunGuest(steps=300, trace=False))
    twin = machine.copy()
    machine.do(c.HostWrite(hpa=AT, data=b"of the other package", lp=2))
    lines = [tag for tag, line in machine.platform.cache.lines.items() if line.dirty]
    (done,) = machine.do(c.HostExec(insn="WBINVD"))
    assert (done.lines, list(machine.platform.cache.lines)) == (len(lines) - 1, [AT])
    (done,) = machine.do(c.HostExec(insn="WBINVD", lp=3))
    assert (done.lines, machine.platform.cache.lines) == (1, {})
    seen = machine.do(c.RunGuest(steps=300))
    assert [s for s in seen if isinstance(s, e.MemoryLoaded)] == [
        s for s in twin.do(c.RunGuest(steps=300)) if isinstance(s, e.MemoryLoaded)
    ]


def tsc(machine: Machine, lp: int) -> int:
    return machine.do(c.HostClock(lp=lp))[-1].tsc


def test_the_counter_and_what_was_added_to_it_change_together():
    machine = Machine("ci")
    assert machine.do(c.HostExec(insn="WRMSR", lp=2, msr=0x10, value=1000)) == (
        e.HostExecuted(lp=2, insn="WRMSR"),
    )
    assert [tsc(machine, lp) for lp in range(4)] == [0, 0, 1000, 0]
    assert machine.platform.lps[2].tsc_adjust == 1000
    machine.do(c.HostExec(insn="WRMSR", lp=2, msr=0x3B, value=-1 & (1 << 64) - 1))
    assert tsc(machine, 2) == (1 << 64) - 1


def test_another_msr_is_refused_by_name_and_nothing_changes():
    machine = Machine("ci")
    before = machine.fingerprint()
    (refused,) = machine.do(c.HostExec(insn="WRMSR", msr=0x1A0, value=1))
    assert "0x1a0" in refused.reason
    assert "IA32_TSC_ADJUST" in refused.reason
    assert machine.fingerprint() == before
