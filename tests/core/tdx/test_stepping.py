"""The stepping filter: no host sees one instruction, or one fault again and again. tdx-architecture 9.7."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import status as s
from tdxviz.core.arch import structures as lay
from tdxviz.core.commands import HostApic, RaiseInterrupt, RunGuest, Seamcall, VmEnter
from tdxviz.core.drive import drive
from tdxviz.core.faults import EptViolation
from tdxviz.core.host import layout, setup
from tdxviz.core.machine import Machine
from tdxviz.core.tdx import guest_side, vcpu_state
from tests.core.tdx import kit

UNMAPPED = layout.GUEST_BASE + 0xD000


@pytest.fixture(scope="module")
def base():
    machine = kit.before("running")
    machine.do(RaiseInterrupt(lp=0, vector=0x30))
    machine.do(RunGuest(lp=0, steps=1, trace=False))
    return machine


@pytest.fixture
def machine(base):
    return base.copy()


def enter(machine) -> tuple[e.Event, ...]:
    return machine.do(Seamcall(rax=0, rcx=layout.TDVPR))


def count(events, kind) -> int:
    return sum(isinstance(event, kind) for event in events)


def one_step(machine, kind: str = "interrupt") -> tuple[int, tuple[e.Event, ...]]:
    """An attacker lets one instruction run and interrupts; how many ran, and what happened."""
    enter(machine)
    before = machine.platform.lps[0].retired
    machine.do(RunGuest(lp=0, steps=1, trace=False))
    machine.do(RaiseInterrupt(lp=0, vector=0x31, kind=kind))
    events = machine.do(RunGuest(lp=0, steps=1, trace=False))
    return machine.platform.lps[0].retired - before, events


@pytest.mark.parametrize(("kind", "rax"), [("interrupt", 1), ("nmi", 0), ("init", 3), ("smi", 6)])
def test_an_interruption_after_one_instruction_is_held_back(machine, kind, rax):
    ran, events = one_step(machine, kind)
    (filtered,) = [n for n in events if isinstance(n, e.SteppingFiltered)]
    assert 1 <= filtered.further <= 32
    assert ran >= 1 + filtered.further
    lp = machine.platform.lps[0]
    assert (lp.mode, lp.gprs[0], lp.pending_interrupt) == ("host", rax, -1)


def test_the_attacker_sees_a_random_number_of_steps():
    machine, seen = kit.before("running"), []
    machine.do(RaiseInterrupt(lp=0, vector=0x30))
    machine.do(RunGuest(lp=0, steps=1, trace=False))
    for _ in range(12):
        seen.append(one_step(machine)[0])
    assert len(set(seen)) > 4
    assert sum(n > 1 for n in seen) >= 8  # a jump of more than 32 bytes passes the filter, as specified


def test_the_same_seed_gives_the_same_numbers(machine):
    twin = machine.copy()
    assert [one_step(machine)[0] for _ in range(3)] == [one_step(twin)[0] for _ in range(3)]
    assert machine.fingerprint() == twin.fingerprint()


def test_an_interruption_much_later_leaves_at_once(machine):
    enter(machine)
    machine.do(RunGuest(lp=0, steps=5000, trace=False))
    before = machine.platform.lps[0].retired
    machine.do(RaiseInterrupt(lp=0, vector=0x31))
    events = machine.do(RunGuest(lp=0, steps=9, trace=False))
    assert count(events, e.SteppingFiltered) == 0
    assert machine.platform.lps[0].retired == before


def test_without_a_module_a_host_single_steps_its_vm():
    """The contrast: an ordinary VM shows every instruction."""
    machine = Machine("legacy")
    drive(machine, setup.setup(machine))
    steps = []
    for _ in range(6):
        if machine.platform.lps[0].mode == "host":
            machine.do(VmEnter(lp=0, vm=0))
        before = machine.platform.lps[0].retired
        machine.do(RunGuest(lp=0, steps=1, trace=False))
        machine.do(RaiseInterrupt(lp=0, vector=0x31))
        machine.do(RunGuest(lp=0, steps=1, trace=False))
        steps.append(machine.platform.lps[0].retired - before)
    assert steps == [1] * 6


# --- zero-stepping ------------------------------------------------------------------------------------


def fault(machine, gpa: int = UNMAPPED) -> None:
    """The instruction at RIP touches a page that the host does not map."""
    enter(machine)
    outcome = EptViolation(gpa, "load", state="FREE", level=0)
    guest_side.guest_ept_violation(machine.platform, machine.module, 0, outcome)


def test_the_first_six_faults_are_only_counted(machine):
    for number in range(6):
        fault(machine)
        vps = kit.vcpu(machine).vps
        assert (vps["EPF_COUNT"], vps["LAST_EPF_GPA_LIST_IDX"]) == (number + 1, 0)
    assert count(enter(machine), e.TdEntered) == 1


def test_faults_on_shared_memory_are_the_hosts_own_affair(machine):
    for _ in range(8):
        fault(machine, 1 << 47 | 0x5000)
    vps = kit.vcpu(machine).vps
    assert (vps["EPF_COUNT"], vps["LAST_EPF_GPA_LIST_IDX"]) == (0, 0)


def test_then_the_guest_does_not_run_until_the_page_is_there(machine):
    for _ in range(7):
        fault(machine)
    events = enter(machine)
    returned = kit.answer(events)
    assert count(events, e.TdEntered) == 0
    assert (returned.status, returned.outputs) == (48, {"RAX": 48, "RCX": 2, "R8": UNMAPPED})
    assert machine.platform.lps[0].mode == "host"
    assert kit.vcpu(machine).state == "READY"
    assert machine.module.running == {}
    again = kit.answer(enter(machine))
    assert again.status == 48
    kit.seamcall(machine, "TDH.MEM.PAGE.AUG", rcx=UNMAPPED, rdx=layout.TDR, r8=kit.FREE_PAGE)
    assert kit.answer(enter(machine)).status == 48  # PENDING does not translate


def test_forward_progress_clears_the_list(machine):
    for _ in range(7):
        fault(machine)
    kit.vcpu(machine).vps["EPF_GPA0"] = layout.GUEST_BASE  # that one is mapped
    assert count(enter(machine), e.TdEntered) == 1
    machine.do(RunGuest(lp=0, steps=5000, trace=False))
    machine.do(RaiseInterrupt(lp=0, vector=0x31))
    machine.do(RunGuest(lp=0, steps=1, trace=False))
    vps = kit.vcpu(machine).vps
    assert (vps["EPF_COUNT"], vps["LAST_EPF_GPA_LIST_IDX"]) == (0, 0)


def test_a_guest_that_asked_is_told_by_ve(machine):
    for _ in range(7):
        fault(machine)
    kit.td(machine).tdcs["NOTIFY_ENABLES"] = 1
    kit.vcpu(machine).vps["EPF_GPA0"] = layout.GUEST_BASE
    events = enter(machine)
    assert [n.reason for n in events if isinstance(n, e.VeInjected)] == [48]
    assert machine.platform.lps[0].cpu.event == 1 << 31 | 3 << 8 | 20


@pytest.mark.parametrize("why", ["kept", "nmi", "unread"])
def test_it_is_told_only_when_that_loses_nothing(machine, why):
    """can_inject_epf_ve: IDT vectoring, NMI blocking and unread #VE information stand against it."""
    for _ in range(7):
        fault(machine)
    kit.td(machine).tdcs["NOTIFY_ENABLES"] = 1
    vps = kit.vcpu(machine).vps
    vps["EPF_GPA0"] = layout.GUEST_BASE
    kept = 1 << 31 | 0x41 if why == "kept" else 0
    vps["VE_VALID"] = 0xFFFF_FFFF if why == "unread" else 0
    cpu = vcpu_state.restore(kit.vcpu(machine))
    cpu.event, cpu.nmi_blocked = kept, why == "nmi"
    vcpu_state.save(kit.vcpu(machine), cpu)
    assert count(enter(machine), e.VeInjected) == 0
    assert machine.platform.lps[0].cpu.event == kept


@pytest.mark.parametrize(("kind", "told"), [("interrupt", {"R9": 1 << 31 | 0x31}), ("init", {})])
def test_with_the_apic_off_the_filter_kills_the_td(machine, kind, told):
    machine.do(HostApic(lp=0, mode="disabled"))
    _, events = one_step(machine, kind)
    assert count(events, e.SteppingFiltered) == 0
    returned = kit.answer(events)
    assert returned.status == s.STATUS["TDX_NON_RECOVERABLE_TD_WRONG_APIC_MODE"] | (
        1 if kind == "interrupt" else 3
    )
    assert returned.outputs == {"RAX": returned.status, **told}
    assert kit.td(machine).tdr["FATAL"] == 1
    assert s.name_of(kit.answer(enter(machine)).status) == "TDX_TD_FATAL"


def test_far_from_entry_the_filter_needs_no_apic(machine):
    machine.do(HostApic(lp=0, mode="disabled"))
    enter(machine)
    machine.do(RunGuest(lp=0, steps=5000, trace=False))
    machine.do(RaiseInterrupt(lp=0, vector=0x31))
    assert kit.answer(machine.do(RunGuest(lp=0, steps=9, trace=False))).status == 1


def test_two_interrupts_while_the_filter_holds_back_are_both_there(machine):
    enter(machine)
    machine.do(RunGuest(lp=0, steps=1, trace=False))
    machine.do(RaiseInterrupt(lp=0, vector=0x31))
    machine.do(RaiseInterrupt(lp=0, vector=0x45))
    events = machine.do(RunGuest(lp=0, steps=1, trace=False))
    assert kit.answer(events).outputs["R9"] == 1 << 31 | 0x45
    assert [n.vector for n in events if isinstance(n, e.InterruptHandled)] == [0x31]


def test_the_list_holds_32_gpas(machine):
    for number in range(6 + 40):
        kit.vcpu(machine).vps["LAST_EPF_GPA_LIST_IDX"] = min(
            kit.vcpu(machine).vps["LAST_EPF_GPA_LIST_IDX"], lay.MOST_EPF_GPAS
        )
        saved = kit.vcpu(machine).vps["LAST_EPF_GPA_LIST_IDX"]
        kit.vcpu(machine).vps["LAST_EPF_GPA_LIST_IDX"] = 0  # so that the entry succeeds
        enter(machine)
        kit.vcpu(machine).vps["LAST_EPF_GPA_LIST_IDX"] = saved
        outcome = EptViolation(0x4000_0000 + number * 0x1000, "load", state="FREE", level=0)
        guest_side.guest_ept_violation(machine.platform, machine.module, 0, outcome)
    vps = kit.vcpu(machine).vps
    assert vps["LAST_EPF_GPA_LIST_IDX"] == 32
    assert vps["EPF_GPA31"] == 0x4000_0000 + (6 + 31) * 0x1000
