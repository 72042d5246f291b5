"""TDG.MEM.PAGE.ATTR.RD and WR on pages of every kind that the host can make."""

import pytest

from tdxviz.core.arch import status as s
from tdxviz.core.host import layout
from tests.core.tdx import checks_guest, kit
from tests.core.tdx.cases import TD_2M, partitioned

GPA = checks_guest.PAGE_GPA


def attributes(machine, gpa: int) -> tuple[int, int]:
    returned = kit.answer(kit.tdcall(machine, "TDG.MEM.PAGE.ATTR.RD", rcx=gpa))
    assert returned.status == 0
    return returned.outputs["RCX"], returned.outputs["RDX"]


def test_size_pending_and_rights_of_a_page():
    machine = kit.before("running")
    assert attributes(machine, GPA + 5) == (GPA, 0x800F)
    checks_guest.large_leaf(machine)
    assert attributes(machine, TD_2M + 0x5000) == (TD_2M | 1 | 1 << 62, 0x8000)
    checks_guest.accepted(machine)
    assert attributes(machine, TD_2M + 0x5000) == (TD_2M | 1, 0x800F)


@pytest.mark.parametrize("exit_wanted", [0, 1])
def test_an_l2_vm_has_no_secure_ept_here(exit_wanted):
    machine = kit.before("running")
    partitioned(2)(machine)
    kit.tdcs_field("VM_CTLS2", exit_wanted)(machine)
    events = kit.tdcall(machine, "TDG.MEM.PAGE.ATTR.WR", rcx=GPA, rdx=0x8003 << 32, r8=0xFFFF << 32)
    returned = kit.answer(events)
    if exit_wanted:
        assert (returned.name, returned.status) == ("TDH.VP.ENTER", 48)
        assert machine.platform.lps[0].gprs[8] == layout.GUEST_BASE | (GPA & 0xF000)
    else:
        assert returned.status == s.STATUS["TDX_L2_SEPT_WALK_FAILED"] | 2 << 16 | 3
