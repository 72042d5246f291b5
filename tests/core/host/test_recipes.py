"""Honest host recipes: they work in every world, are repeatable, and say what went wrong."""

import pytest

from tdxviz.core.arch import status as s
from tdxviz.core.commands import HostRead, RaiseInterrupt, RunGuest, Seamcall
from tdxviz.core.drive import drive
from tdxviz.core.events import LeafReturned
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import programs
from tdxviz.core.host import boot, layout, plain_vm, run
from tdxviz.core.host.seam import seamcall
from tdxviz.core.host.setup import setup
from tdxviz.core.machine import Machine
from tdxviz.core.units import PAGE

WORLDS = ("legacy", "li", "ci")


@pytest.mark.parametrize("world", WORLDS)
def test_setup_reaches_ready_and_is_deterministic(ready, world):
    machine = Machine(world)
    story, result = drive(machine, setup(machine))
    assert result is None
    assert machine.platform.lps[0].cpu.rip == layout.symbol("ready")
    assert machine.fingerprint() == ready(world).fingerprint()
    assert all(not n.status & s.ERROR for n in story if isinstance(n, LeafReturned))


def test_bring_up_ends_in_sys_ready_with_the_whole_tdmr():
    machine = Machine("ci")
    drive(machine, boot.bring_up())
    assert machine.module.sys_state == "SYS_READY"
    assert machine.module.tdmrs[0].done == layout.TDMR_SIZE
    assert machine.module.page(0).kind == "PT_NDA"
    assert machine.module.page(layout.PAMT_4K).kind == "PT_RSVD"
    assert machine.module.page(layout.TDMR_SIZE) is None


def test_a_built_td_has_its_pages_and_children_counted():
    machine = Machine("ci")
    drive(machine, boot.bring_up())
    program = programs.load("vault")
    drive(machine, boot.build_td(program))
    from tests.core.tdx import kit

    td = kit.td(machine)
    kinds = [entry.kind for entry in machine.module.pamt.values()]
    assert kinds.count("PT_REG") == len(program.pages)
    assert td.tdr["CHLDCNT"] == len(kinds) - 1  # all but the TDR itself
    assert td.op_state == "RUNNABLE"
    for gpa, content in program.pages.items():
        from tdxviz.core.hw import physical

        assert physical.read_physical(machine.platform, layout.hpa_of(gpa), td.hkid, PAGE) == content


def test_a_refused_leaf_is_told_with_status_operand_and_reason():
    machine = Machine("ci")
    drive(machine, boot.bring_up())
    with pytest.raises(TdxvizError, match=r"TDH.MNG.CREATE returned TDX_OPERAND_INVALID \(RDX\): RDX = 0x5"):
        drive(machine, seamcall("TDH.MNG.CREATE", rcx=layout.TDR, rdx=5))


def test_no_module_is_told():
    with pytest.raises(TdxvizError, match="no TDX module"):
        drive(Machine("legacy"), boot.bring_up())


def test_resume_by_steps_and_until(ready):
    for world in WORLDS:
        machine = ready(world)
        rip = machine.platform.lps[0].cpu.rip
        drive(machine, run.resume(machine, steps=1))
        assert machine.platform.lps[0].cpu.rip != rip


def test_resume_enters_a_guest_that_was_interrupted(ready):
    for world in WORLDS:
        machine = ready(world)
        machine.do(RaiseInterrupt())
        machine.do(RunGuest())
        assert machine.platform.lps[0].mode == "host"
        drive(machine, run.resume(machine, steps=3))
        assert machine.platform.lps[0].mode != "host"


def test_resume_of_a_dead_td_tells_why(ready):
    machine = ready("ci")
    from tests.core.tdx import kit

    machine.do(RaiseInterrupt())
    machine.do(RunGuest())
    kit.td(machine).tdr["FATAL"] = 1
    story, _ = drive(machine, run.resume(machine, steps=3))
    assert [s.name_of(n.status) for n in story if isinstance(n, LeafReturned)] == ["TDX_TD_FATAL"]


def test_layout():
    assert layout.hpa_of(layout.GUEST_BASE + 5) == layout.PRIVATE + 5
    assert layout.hpa_of(layout.RESET_GPA) == layout.RESET_PAGE
    with pytest.raises(TdxvizError, match="0x1234"):
        layout.hpa_of(0x1234)
    with pytest.raises(TdxvizError, match="password"):
        layout.symbol("pasword")


def test_the_plain_vm_lies_where_the_td_lies():
    machine = Machine("legacy")
    program = programs.load("vault")
    drive(machine, plain_vm.build_vm(program))
    for gpa, content in program.pages.items():
        assert machine.do(HostRead(hpa=layout.hpa_of(gpa), size=PAGE))[-1].data == content


def test_drive_hands_back_the_result():
    def script():
        events = yield HostRead(hpa=0, size=8)
        return events[-1].data

    story, data = drive(Machine("ci"), script())
    assert data == bytes(8)
    assert story


def test_attributes_and_vcpus_of_td_params():
    assert (
        boot.td_params(attributes=5, max_vcpus=3)[:18]
        == (5).to_bytes(8, "little") + (3).to_bytes(8, "little") + b"\x03\x00"
    )
    assert len(boot.td_params()) == 1024
    assert Seamcall(rax=0).lp == 0
