"""MapGPA both ways, as the host carries it out."""

import pytest

from tdxviz.core import peek_walk
from tdxviz.core.commands import HostWrite, RunGuest
from tdxviz.core.drive import drive
from tdxviz.core.events import LeafReturned
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, memory, run, shared_ept, sharing
from tdxviz.core.host.vmm import MAP_GPA, RETRY, Vmm
from tdxviz.core.hw import walk
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.units import PAGE
from tests.core.tdx import kit
from tests.core.tdx.cases import TD_2M

GPA = layout.symbol("picture") & -PAGE
HPA = layout.hpa_of(GPA)
SHARED = 1 << 47


@pytest.fixture
def machine() -> Machine:
    return kit.before("running")


def through_the_shared_ept(machine: Machine, gpa: int) -> walk.Mapping:
    def read(hpa: int, keyid: int) -> int:
        return int.from_bytes(observe(machine, "host", hpa, 8).data, "little")

    return walk.host_ept(layout.SHARED_EPT, gpa | SHARED, "load", read, None, 0, shared=True)


def test_a_page_becomes_shared_and_shows_nothing_of_its_private_life(machine):
    events, _ = drive(machine, sharing.to_shared(machine, GPA))
    leaves = [e.name for e in events if isinstance(e, LeafReturned)]
    assert leaves[-3:] == ["TDH.MEM.PAGE.REMOVE", "TDH.PHYMEM.PAGE.WBINVD", "TDH.VP.WR"]
    mapped = through_the_shared_ept(machine, GPA + 0x123)
    assert (mapped.hpa, mapped.keyid, mapped.perms, mapped.shared) == (HPA + 0x123, 0, 7, True)
    assert peek_walk.walk(machine, GPA + 0x123 | SHARED).hpa == HPA + 0x123
    assert peek_walk.walk(machine, GPA).hpa is None
    assert observe(machine, "host", HPA, PAGE).data == bytes(PAGE)
    machine.do(HostWrite(hpa=HPA, data=b"for the guest"))
    assert observe(machine, "host", HPA, 13).data == b"for the guest"


def test_it_becomes_private_again_pending_and_empty(machine):
    drive(machine, sharing.to_shared(machine, GPA))
    machine.do(HostWrite(hpa=HPA, data=b"left behind"))
    drive(machine, sharing.to_private(machine, GPA))
    assert shared_ept.leaf_of(machine, GPA)[1] == 0
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


SELECTED = 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13


def ask(machine: Machine, gpa: int, size: int, vmm: Vmm) -> dict[str, int]:
    """The guest's MapGPA, served by the host; what the guest gets for it."""
    events = kit.tdcall(machine, "TDG.VP.VMCALL", rcx=SELECTED, r10=0, r11=MAP_GPA, r12=gpa, r13=size)
    _, answer = drive(machine, run.respond(machine, events, vmm))
    drive(machine, run.enter(machine, 0, answer))
    return answer


def test_mapgpa_is_carried_out_page_by_page_whatever_was_there(machine):
    """A private page, a page that nobody gave yet, and a page inside a large one."""
    vmm, unused = Vmm(), layout.GUEST_BASE + 0xC000
    large = memory.spare(machine, 1)
    drive(machine, memory.add(machine, TD_2M, large, 1))
    kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=TD_2M | 1)
    for gpa in (GPA, unused, TD_2M + 3 * PAGE):
        assert ask(machine, gpa | SHARED, PAGE, vmm) == {"R10": 0}
        assert shared_ept.leaf_of(machine, gpa)[1]
    assert through_the_shared_ept(machine, TD_2M + 3 * PAGE).hpa == large + 3 * PAGE
    assert machine.module.page(large + 4 * PAGE).size == 0
    assert len(shared_ept.pages(machine)) == 3
    assert ask(machine, GPA, PAGE, vmm) == {"R10": 0}
    assert machine.module.page(HPA).kind == "PT_REG"
    assert len(shared_ept.pages(machine)) == 2


def test_a_large_range_is_done_in_pieces(machine):
    start = 0x9000_0000
    answer = ask(machine, start + PAGE | SHARED, 4 << 20, Vmm(only_says=True))
    assert answer == {"R10": RETRY, "R11": start + (2 << 20) | SHARED}
    assert shared_ept.pages(machine) == set()


def test_nothing_shared_is_said_so(machine):
    with pytest.raises(TdxvizError, match="nothing is shared"):
        drive(machine, sharing.to_private(machine, GPA))
