"""TD entry and exit: what reaches the host, what is saved, locks, epochs, TLB. tdx-architecture 9."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import status as s
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.commands import RaiseInterrupt, ReadHostRegisters, RunGuest
from tdxviz.core.faults import EptViolation, MachineCheck
from tdxviz.core.host import layout
from tdxviz.core.tdx import guest_side
from tests.core.tdx import kit

RSP_OF_HOST = 0x7FFE_0000
SECRETS = [0x1111_0000 + n for n in range(16)]
TD_HKID = 0x21


def running(world_secrets=True):
    """The vault's TD inside, with a secret in every register and RSP of the host known."""
    machine = kit.before("running")
    lp = machine.platform.lps[0]
    lp.gprs[4] = RSP_OF_HOST
    if world_secrets:
        lp.cpu.gprs[:] = SECRETS
        lp.cpu.xmm[:] = [0xAAAA + n for n in range(16)]
    machine._news = []
    return machine


def leave(machine, how):
    p, m = machine.platform, machine.module
    match how:
        case "interrupt":
            guest_side.guest_interrupt(p, m, 0, 0x31)
        case "violation":
            guest_side.guest_ept_violation(p, m, 0, EptViolation(0x8000_B123, "store", state="FREE", level=0))
        case "pending":
            outcome = EptViolation(0x8000_B123, "load", state="PENDING", level=0)
            assert guest_side.guest_ept_violation(p, m, 0, outcome) is None
        case "misconfigured":
            outcome = EptViolation(1 << 47, "load", state="MISCONFIGURED", level=0)
            guest_side.guest_ept_violation(p, m, 0, outcome)
        case "machine check":
            guest_side.guest_machine_check(p, m, 0, MachineCheck(layout.PRIVATE, TD_HKID))
        case "triple fault":
            guest_side.guest_triple_fault(p, m, 0)


NON_ACCESSIBLE = s.STATUS["TDX_NON_RECOVERABLE_TD_NON_ACCESSIBLE"]
EXITS = {
    # how -> registers other than zero, besides RSP
    "interrupt": {"RAX": 1, "R9": 1 << 31 | 0x31},
    "violation": {"RAX": 48, "RCX": 2, "R8": 0x8000_B000},
    "pending": {"RAX": 48, "RCX": 1, "RDX": 6, "R8": 0x8000_B000},
    "misconfigured": {"RAX": 49},
    "machine check": {"RAX": NON_ACCESSIBLE},
    "triple fault": {"RAX": s.STATUS["TDX_NON_RECOVERABLE_VCPU"] | 2},
}


@pytest.mark.parametrize("how", EXITS)
def test_an_asynchronous_exit_tells_the_host_exactly_this(how):
    machine = running()
    leave(machine, how)
    lp = machine.platform.lps[0]
    found = {name: value for name, value in zip(GPR_NAMES, lp.gprs, strict=True) if value}
    assert found == {**EXITS[how], "RSP": RSP_OF_HOST}
    assert lp.xmm == [0] * 16
    assert lp.mode == "host"
    assert not set(SECRETS) & set(lp.gprs)
    (read,) = machine.do(ReadHostRegisters(lp=0))
    assert read.gprs == tuple(lp.gprs)


@pytest.mark.parametrize("how", EXITS)
def test_the_order_of_an_exit(how):
    machine = running()
    leave(machine, how)
    names = [type(n).__name__ for n in machine._news if not isinstance(n, e.LineEvicted)]
    if how == "machine check":
        head = ["MachineCheckRaised", "TdBecameFatal"]  # no state is saved
    else:
        head = ["StateSaved", "VcpuStateChanged"]
    assert names == [*head, "RegistersScrubbed", "TdExited", "LeafReturned"]


@pytest.mark.parametrize("how", ["interrupt", "violation", "pending", "misconfigured", "triple fault"])
def test_state_is_saved_in_the_vcpus_pages_and_the_epoch_left(how):
    machine = running()
    assert kit.td(machine).tdcs["REFCOUNT1"] == 1
    leave(machine, how)
    vps, tdcs = kit.vcpu(machine).vps, kit.td(machine).tdcs
    assert [vps[name] for name in GPR_NAMES] == SECRETS
    assert vps["XMM3"] == 0xAAAD
    assert (tdcs["REFCOUNT0"], tdcs["REFCOUNT1"]) == (0, 0)
    assert kit.vcpu(machine).state == ("DISABLED" if how == "triple fault" else "READY")
    assert machine.module.running == {}


def test_a_machine_check_kills_the_td_and_saves_nothing():
    machine = running()
    rip = kit.vcpu(machine).vps["RIP"]
    leave(machine, "machine check")
    td = kit.td(machine)
    assert td.tdr["FATAL"] == 1
    assert kit.vcpu(machine).vps["RIP"] == rip
    assert kit.vcpu(machine).state == "ACTIVE"
    assert td.tdcs["REFCOUNT1"] == 1  # the refcount is not given back
    assert machine.module.running == {}  # the locks are
    assert NON_ACCESSIBLE & s.FATAL
    assert not NON_ACCESSIBLE & s.ERROR
    again = kit.answer(kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR))
    assert s.name_of(again.status) == "TDX_TD_FATAL"


def test_a_disabled_vcpu_never_enters_again():
    machine = running()
    leave(machine, "triple fault")
    again = kit.answer(kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR))
    assert s.name_of(again.status) == "TDX_VCPU_STATE_INCORRECT"


@pytest.mark.parametrize("mask", [0, 1 << 3 | 1 << 10, 0xFFEC, 0xFFFF_FFEC & 0xFFFF])
def test_a_tdvmcall_shows_exactly_the_selected_registers(mask):
    machine = running()
    before = machine.platform.lps[0].cpu.rip
    kit.tdcall(machine, "TDG.VP.VMCALL", rcx=mask)
    lp = machine.platform.lps[0]
    selected = [SECRETS[n] if mask >> n & 1 else 0 for n in range(16)]
    selected[0], selected[1], selected[4] = 77, mask, RSP_OF_HOST
    assert lp.gprs == selected
    assert lp.xmm == [0] * 16
    assert kit.vcpu(machine).vps["RIP"] == before + 4  # trap-like


def test_the_hosts_answers_reach_the_selected_registers_only():
    machine = running()
    mask = 1 << 10 | 1 << 11
    kit.tdcall(machine, "TDG.VP.VMCALL", rcx=mask)
    answers = {name.lower(): 0xBAD0 + n for n, name in enumerate(GPR_NAMES) if n not in (0, 1, 4)}
    kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR, **answers)
    wanted = list(SECRETS)
    wanted[0], wanted[1], wanted[10], wanted[11] = 0, mask, 0xBAD0 + 10, 0xBAD0 + 11
    assert machine.platform.lps[0].cpu.gprs == wanted


def test_after_an_asynchronous_exit_the_hosts_registers_are_ignored():
    machine = running()
    leave(machine, "interrupt")
    kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR, rdx=5, r8=6, rbx=7)
    assert machine.platform.lps[0].cpu.gprs == SECRETS


def test_entry_takes_the_locks_and_joins_the_epoch():
    machine = running()
    leave(machine, "interrupt")
    kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR)
    assert machine.module.running == {layout.TDVPR: 1, layout.TDR: 1}
    tdcs = kit.td(machine).tdcs
    assert (tdcs["TD_EPOCH"], tdcs["REFCOUNT1"]) == (1, 1)


def test_the_tlb_stays_when_the_same_vcpu_comes_back():
    machine = running(False)
    count = len(machine.platform.lps[0].tlb.entries())
    assert count
    leave(machine, "interrupt")
    events = kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR)
    assert not [n for n in events if isinstance(n, e.TlbFlushed)]
    assert len(machine.platform.lps[0].tlb.entries()) == count


@pytest.mark.parametrize("why", ["epoch", "other vcpu"])
def test_the_tlb_is_flushed_for_a_new_epoch_or_another_vcpu(why):
    machine = running(False)
    leave(machine, "interrupt")
    if why == "epoch":
        kit.td(machine).tdcs["TD_EPOCH"] = 2
    else:
        machine.platform.lps[0].last_tdvpr = 0x70_0000
    (flush,) = [
        n for n in kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR) if isinstance(n, e.TlbFlushed)
    ]
    assert (flush.vpid, flush.count > 0) == (TD_HKID << 2, True)
    assert machine.platform.lps[0].tlb.entries() == ()
    tdcs = kit.td(machine).tdcs
    assert kit.vcpu(machine).vps["VCPU_EPOCH"] == tdcs["TD_EPOCH"]
    assert (tdcs["REFCOUNT0"], tdcs["REFCOUNT1"]) == ((1, 0) if why == "epoch" else (0, 1))


def test_the_interrupt_comes_at_the_next_boundary():
    machine = running(False)
    rip = machine.platform.lps[0].cpu.rip
    machine.do(RaiseInterrupt(lp=0, vector=0x41))
    assert machine.platform.lps[0].mode == "td"
    events = machine.do(RunGuest(lp=0, steps=100))
    assert machine.platform.lps[0].gprs[9] == 1 << 31 | 0x41
    assert kit.vcpu(machine).vps["RIP"] == rip
    assert not [n for n in events if isinstance(n, e.InstructionRetired)]


@pytest.mark.parametrize("how", EXITS)
def test_the_last_event_tells_what_enter_returned(how):
    machine = running()
    leave(machine, how)
    returned, exited = machine._news[-1], machine._news[-2]
    assert (returned.name, returned.status) == ("TDH.VP.ENTER", machine.platform.lps[0].gprs[0])
    assert exited.status == returned.status
    scrubbed = machine._news[-3]
    assert set(scrubbed.exposed) == set(EXITS[how])
