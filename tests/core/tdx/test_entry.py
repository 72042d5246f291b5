"""Several vCPUs on several logical processors: association, barriers, what stays locked."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.arch import status as s
from tdxviz.core.arch.structures import TDVPS
from tdxviz.core.drive import drive
from tdxviz.core.guest import programs
from tdxviz.core.host import boot, layout
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.structs import Vcpu
from tdxviz.core.units import PAGE, line_of
from tests.core.tdx import kit

FIRST, SECOND = layout.tdvpr(0), layout.tdvpr(1)


@pytest.fixture(scope="module")
def twins():
    """A TD with two vCPUs, associated with LP 0 and LP 1."""
    machine = Machine("ci")
    drive(machine, boot.bring_up())
    drive(machine, boot.build_td(programs.load("vault"), vcpus=2))
    return machine


def call(machine, leaf, **regs) -> str:
    returned = [n for n in kit.seamcall(machine, leaf, **regs) if isinstance(n, e.LeafReturned)]
    return s.name_of(returned[0].status) if returned else "entered"


def back(machine, lp: int) -> None:
    """An interrupt brings the vCPU on ``lp`` out."""
    from tdxviz.core.commands import RaiseInterrupt, RunGuest

    machine.do(RaiseInterrupt(lp=lp))
    machine.do(RunGuest(lp=lp))
    assert machine.platform.lps[lp].mode == "host"


def associated(machine) -> list[int]:
    td = kit.td(machine)
    return [Vcpu(td, page).lp for page in (FIRST, SECOND)] + [td.tdcs["NUM_ASSOC_VCPUS"]]


def test_each_is_tied_to_its_processor_until_it_is_flushed_there(twins):
    machine = twins.copy()
    assert associated(machine) == [0, 1, 2]
    assert call(machine, "TDH.VP.ENTER", rcx=SECOND) == "TDX_VCPU_ASSOCIATED"
    assert call(machine, "TDH.VP.FLUSH", rcx=SECOND) == "TDX_VCPU_NOT_ASSOCIATED"
    assert call(machine, "TDH.VP.FLUSH", rcx=SECOND, lp=1) == "TDX_SUCCESS"
    assert associated(machine) == [0, -1, 1]
    events = kit.seamcall(machine, "TDH.VP.ENTER", rcx=SECOND)
    assert [n.on for n in events if isinstance(n, e.VcpuAssociated)] == [0]
    assert associated(machine) == [0, 0, 2]


def test_both_run_at_the_same_time_and_the_td_stays_locked_until_the_last_is_out(twins):
    machine = twins.copy()
    assert call(machine, "TDH.VP.ENTER", rcx=FIRST) == "entered"
    assert call(machine, "TDH.VP.ENTER", rcx=SECOND, lp=1) == "entered"
    assert [lp.mode for lp in machine.platform.lps] == ["td", "td", "host", "host"]
    assert machine.module.running[layout.TDR] == 2
    back(machine, 0)
    assert call(machine, "TDH.MNG.VPFLUSHDONE", rcx=layout.TDR, lp=2) == "TDX_OPERAND_BUSY"
    back(machine, 1)
    assert call(machine, "TDH.MNG.VPFLUSHDONE", rcx=layout.TDR, lp=2) == "TDX_FLUSHVP_NOT_DONE"


def test_another_vcpu_on_the_same_processor_meets_a_flushed_tlb_and_predictor(twins):
    machine = twins.copy()
    kit.seamcall(machine, "TDH.VP.FLUSH", rcx=SECOND, lp=1)
    kit.seamcall(machine, "TDH.VP.ENTER", rcx=FIRST)
    back(machine, 0)
    same = kit.seamcall(machine, "TDH.VP.ENTER", rcx=FIRST)
    assert not [n for n in same if isinstance(n, e.IbpbIssued | e.TlbFlushed)]
    back(machine, 0)
    other = kit.seamcall(machine, "TDH.VP.ENTER", rcx=SECOND)
    kinds = [type(n) for n in other if isinstance(n, e.IbpbIssued | e.TlbFlushed)]
    assert kinds == [e.TlbFlushed, e.IbpbIssued]


def test_flushing_a_running_vcpu_is_refused(twins):
    machine = twins.copy()
    kit.seamcall(machine, "TDH.VP.ENTER", rcx=FIRST)
    assert call(machine, "TDH.VP.FLUSH", rcx=FIRST, lp=1) == "TDX_OPERAND_BUSY"


def test_the_association_outlives_a_refusal_that_comes_after_it(twins):
    machine = twins.copy()
    assert call(machine, "TDH.VP.FLUSH", rcx=FIRST) == "TDX_SUCCESS"
    assert call(machine, "TDH.VP.ENTER", lp=2, rcx=FIRST | 1 << 52) == "TDX_OPERAND_INVALID"
    assert Vcpu(kit.td(machine), FIRST).lp == 2
    assert kit.td(machine).tdcs["NUM_ASSOC_VCPUS"] == 2
    assert call(machine, "TDH.VP.ENTER", rcx=FIRST) == "TDX_VCPU_ASSOCIATED"


def test_a_flush_of_any_vcpu_makes_the_processor_forget_who_ran_last(twins):
    machine = twins.copy()
    assert call(machine, "TDH.VP.FLUSH", lp=1, rcx=SECOND) == "TDX_SUCCESS"
    assert call(machine, "TDH.VP.ENTER", rcx=SECOND) == "entered"
    back(machine, 0)
    assert machine.platform.lps[0].last_tdvpr == SECOND
    assert call(machine, "TDH.VP.FLUSH", rcx=FIRST) == "TDX_SUCCESS"
    events = kit.seamcall(machine, "TDH.VP.ENTER", rcx=SECOND)
    assert [type(n) for n in events if isinstance(n, e.IbpbIssued)] == [e.IbpbIssued]


def test_a_vcpu_that_moves_finds_no_lower_counter(twins):
    machine = twins.copy()
    assert call(machine, "TDH.VP.ENTER", rcx=FIRST) == "entered"
    machine.do(c.RunGuest(lp=0, steps=500, trace=False))
    before = machine.platform.lps[0].guest_tsc()
    back(machine, 0)
    assert call(machine, "TDH.VP.FLUSH", rcx=FIRST) == "TDX_SUCCESS"
    assert call(machine, "TDH.VP.ENTER", lp=3, rcx=FIRST) == "entered"
    assert machine.platform.lps[3].guest_tsc() >= before > 0


@pytest.mark.parametrize("value", [0, 1 << 40])
def test_a_host_that_writes_the_counter_cannot_enter(twins, value):
    machine = twins.copy()
    assert call(machine, "TDH.VP.ENTER", rcx=FIRST) == "entered"
    machine.do(c.RunGuest(lp=0, steps=500, trace=False))
    back(machine, 0)
    machine.do(c.HostExec(insn="WRMSR", lp=0, msr=0x10, value=value))
    (refused,) = kit.seamcall(machine, "TDH.VP.ENTER", rcx=FIRST)
    assert (s.name_of(refused.status), refused.status & 0xFFFF) == ("TDX_INCONSISTENT_MSR", 0x3B)
    machine.do(c.HostExec(insn="WRMSR", lp=0, msr=0x3B, value=0))
    assert call(machine, "TDH.VP.ENTER", rcx=FIRST) == "entered"


def test_the_counter_may_roll_over_between_exit_and_entry(twins):
    machine = twins.copy()
    Vcpu(kit.td(machine), FIRST).vps["LAST_EXIT_TSC"] = (1 << 64) - 5
    assert call(machine, "TDH.VP.ENTER", rcx=FIRST) == "entered"


@pytest.mark.parametrize(("field", "module_lives"), [("RIP", True), ("SHARED_EPTP", False), ("RBX", False)])
def test_poison_in_the_vmcs_costs_one_td_and_elsewhere_the_module(twins, field, module_lives):
    """RIP is loaded by the processor at VM entry; the other two are the module's own loads."""
    machine = twins.copy()
    page, offset, _ = TDVPS[field]
    line = line_of(FIRST + page * PAGE + offset)
    machine.do(c.EvictLine(hpa=line, keyid=layout.HKIDS[0]))
    machine.do(c.HostWrite(hpa=line, data=b"\xcc" * 64, keyid=0, how="full-line"))
    machine.do(c.FlushLine(hpa=line, keyid=0))
    events = kit.seamcall(machine, "TDH.VP.ENTER", rcx=FIRST)
    assert machine.module.dead != module_lives
    if module_lives:
        (answer,) = [n for n in events if isinstance(n, e.LeafReturned)]
        assert s.name_of(answer.status) == "TDX_NON_RECOVERABLE_TD_NON_ACCESSIBLE"
        assert answer.status & 0xFFFF_FFFF == 41
        assert kit.td(machine).tdr["FATAL"] == 1 and kit.vcpu(machine).state == "ACTIVE"
        assert machine.module.running == {} and machine.platform.lps[0].mode == "host"
        assert call(machine, "TDH.VP.ENTER", lp=1, rcx=SECOND) == "TDX_TD_FATAL"
