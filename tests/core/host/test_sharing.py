"""MapGPA both ways, as the host carries it out."""

import pytest

from tdxviz.core.commands import HostWrite, RunGuest
from tdxviz.core.drive import drive
from tdxviz.core.events import LeafReturned
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, memory, run, sharing
from tdxviz.core.hw import walk
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.units import PAGE
from tests.core.tdx import kit

GPA = layout.symbol("picture") & -PAGE
HPA = layout.hpa_of(GPA)
SHARED = 1 << 47


@pytest.fixture
def machine() -> Machine:
    machine = kit.before("running")
    kit.vps_field("SHARED_EPTP", layout.SHARED_EPT | 0x1E)(machine)
    return machine


def through_the_shared_ept(machine: Machine, gpa: int) -> walk.Mapping:
    def read(hpa: int, keyid: int) -> int:
        return int.from_bytes(observe(machine, "host", hpa, 8).data, "little")

    return walk.host_ept(layout.SHARED_EPT, gpa | SHARED, "load", read, None, 0, shared=True)


def test_a_page_becomes_shared_and_shows_nothing_of_its_private_life(machine):
    events, _ = drive(machine, sharing.to_shared(machine, GPA))
    leaves = [e.name for e in events if isinstance(e, LeafReturned)]
    assert leaves[-2:] == ["TDH.MEM.PAGE.REMOVE", "TDH.PHYMEM.PAGE.WBINVD"]
    mapped = through_the_shared_ept(machine, GPA + 0x123)
    assert (mapped.hpa, mapped.keyid, mapped.perms, mapped.shared) == (HPA + 0x123, 0, 7, True)
    assert observe(machine, "host", HPA, PAGE).data == bytes(PAGE)
    machine.do(HostWrite(hpa=HPA, data=b"for the guest"))
    assert observe(machine, "host", HPA, 13).data == b"for the guest"


def test_it_becomes_private_again_pending_and_empty(machine):
    drive(machine, sharing.to_shared(machine, GPA))
    machine.do(HostWrite(hpa=HPA, data=b"left behind"))
    drive(machine, sharing.to_private(machine, GPA))
    assert sharing.leaf_of(machine, GPA)[1] == 0
    assert machine.module.page(HPA).kind == "PT_REG"
    drive(machine, run.enter(machine, 0))
    assert kit.answer(kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=GPA)).status == 0
    assert observe(machine, "guest", HPA, PAGE).data == bytes(PAGE)
    machine.do(RunGuest(lp=0, steps=1))


def test_every_region_gets_its_own_tables(machine):
    far = GPA + (1 << 30)
    page = memory.spare(machine)
    drive(machine, sharing.map_shared(machine, GPA, HPA))
    drive(machine, sharing.map_shared(machine, far, page))
    drive(machine, sharing.map_shared(machine, GPA + PAGE, page))
    assert through_the_shared_ept(machine, GPA).hpa == HPA
    assert through_the_shared_ept(machine, far).hpa == page
    assert through_the_shared_ept(machine, GPA + PAGE).hpa == page


def test_nothing_shared_is_said_so(machine):
    with pytest.raises(TdxvizError, match="nothing is shared"):
        drive(machine, sharing.to_private(machine, GPA))
