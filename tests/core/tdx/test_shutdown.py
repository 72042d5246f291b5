"""SEAM shut down by one processor while a guest runs on another."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import FlipBit, RaiseInterrupt, RunGuest, Seamcall, Tdcall
from tdxviz.core.drive import drive
from tdxviz.core.host import layout
from tdxviz.core.host.setup import setup
from tdxviz.core.hw import physical
from tdxviz.core.machine import Machine
from tdxviz.core.units import LINE, PAGE


@pytest.fixture(scope="module")
def doomed() -> Machine:
    """A guest runs on processor 0; processor 1 has met poison in the TDR."""
    machine = Machine("ci")
    drive(machine, setup(machine))
    for at in range(layout.TDR, layout.TDR + PAGE, LINE):
        physical.evict(machine.platform, at, machine.module.global_hkid, "test")
    machine.do(FlipBit(hpa=layout.TDR))
    events = machine.do(Seamcall(lp=1, rax=BY_NAME["TDH.MNG.RD"].number, rcx=layout.TDR))
    assert isinstance(events[-1], e.SeamcallFailed)
    assert machine.platform.lps[0].mode == "td"
    return machine


@pytest.mark.parametrize("how", ["interrupt", "call"])
def test_the_guest_goes_where_it_needs_the_module_next(doomed, how):
    machine = doomed.copy()
    if how == "interrupt":
        machine.do(RaiseInterrupt(lp=0))
        events = machine.do(RunGuest(lp=0, steps=20))
    else:
        events = machine.do(Tdcall(lp=0, rax=1))
    assert isinstance(events[-1], e.SeamcallFailed)
    assert machine.platform.lps[0].mode == "host"
    assert not any(machine.platform.lps[0].gprs)
    assert machine.module.current == {}


def test_until_then_the_guest_runs_on(doomed):
    machine = doomed.copy()
    before = machine.platform.lps[0].retired
    assert machine.do(RunGuest(lp=0, steps=50, trace=False)) == ()
    assert machine.platform.lps[0].retired == before + 50
