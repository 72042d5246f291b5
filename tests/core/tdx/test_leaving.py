"""TD entry and exit: what reaches the host, what is saved, locks, epochs, TLB. tdx-architecture 9."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import metadata
from tdxviz.core.arch import status as s
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.commands import RaiseInterrupt, ReadHostRegisters, RunGuest
from tdxviz.core.faults import EptViolation, MachineCheck
from tdxviz.core.host import layout
from tdxviz.core.hw import path
from tdxviz.core.hw.platform import INIT, MSMI, NMI, SMI
from tdxviz.core.tdx import guest_memory, guest_side
from tdxviz.core.units import U64
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
        case "nmi" | "init" | "smi" | "msmi":
            guest_side.guest_interrupt(p, m, 0, {"nmi": NMI, "init": INIT, "smi": SMI, "msmi": MSMI}[how])
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
    "misconfigured": {"RAX": 49, "R8": 1 << 47},
    "machine check": {"RAX": NON_ACCESSIBLE, "R9": 1 << 31 | 3 << 8 | 18},
    "nmi": {"R9": 1 << 31 | 2 << 8 | 2},
    "init": {"RAX": 3},
    "smi": {"RAX": 6},
    "msmi": {"RAX": NON_ACCESSIBLE | 6},
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
    if how == "msmi":
        head = ["TdBecameFatal"]
    elif how == "machine check":
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


@pytest.mark.parametrize("vectors", [0, 1, 1 << 15, 0xFFFF, 0x5A5A])
def test_a_tdvmcall_shows_exactly_the_selected_vectors(vectors):
    machine = running()
    kit.tdcall(machine, "TDG.VP.VMCALL", rcx=vectors << 16 | 1 << 10)
    lp = machine.platform.lps[0]
    assert lp.xmm == [0xAAAA + n if vectors >> n & 1 else 0 for n in range(16)]
    found = {name: value for name, value in zip(GPR_NAMES, lp.gprs, strict=True) if value}
    assert found == {"RAX": 77, "RCX": vectors << 16 | 1 << 10, "R10": SECRETS[10], "RSP": RSP_OF_HOST}


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


STATE = {
    "CR2": 0, "DR0": 0, "DR1": 0, "DR2": 0, "DR3": 0, "DR6": 0xFFFF_0FF0, "DR7": 0x400, "XCR0": 3, "IA32_XSS": 0,
    "IA32_STAR": 0, "IA32_LSTAR": 0, "IA32_FMASK": 0x20200, "IA32_KERNEL_GS_BASE": 0, "IA32_TSC_AUX": 0,
    "IA32_XFD": 0, "IA32_XFD_ERR": 0, "IA32_PMC0": 0, "IA32_FIXED_CTR0": 0, "IA32_UARCH_MISC_CTL": 0,
}  # fmt: skip


@pytest.mark.parametrize("how", [*EXITS, "vmcall"])
def test_registers_that_no_vmcs_switches_are_reset(how):
    """Table 9.3, second half: whatever the guest put there, the host finds reset values; its own
    IA32_DS_AREA comes back."""
    machine = running()
    lp = machine.platform.lps[0]
    cpu, own = lp.cpu, lp.host.msrs["IA32_DS_AREA"]
    cpu.cr2, cpu.dr, cpu.dr6, cpu.dr7 = 0x5EC1, [0x5EC2, 0x5EC3, 0x5EC4, 0x5EC5], 0x5EC6, 0x5EC7
    cpu.msrs = [0x5ED0] * len(cpu.msrs)
    if how == "vmcall":
        kit.tdcall(machine, "TDG.VP.VMCALL", rcx=0)
    else:
        leave(machine, how)
    (read,) = machine.do(ReadHostRegisters(lp=0))
    assert {name: read.others[name] for name in STATE} == STATE
    assert read.others["IA32_DS_AREA"] == own
    assert not {value for value in read.others.values() if 0x5EC0 <= value <= 0x5EDF}


@pytest.mark.parametrize("flags", [0, 4])
def test_rbp_is_zero_or_stays_the_hosts_as_the_td_was_configured(flags):
    machine = running()
    machine.platform.lps[0].gprs[5] = 0xB0B
    kit.td(machine).tdcs["CONFIG_FLAGS"] = flags
    kit.tdcall(machine, "TDG.VP.VMCALL", rcx=0)
    assert machine.platform.lps[0].gprs[5] == (0xB0B if flags else 0)


@pytest.mark.parametrize(
    ("field", "value", "reason", "rdx"),
    [
        ("IA32_LSTAR", 1 << 63, 34, 3 | 0xC0000082 << 32), ("IA32_PAT", 2, 34, 3 | 0x277 << 32), ("XCR0", 0x7, 33, 4),
        ("BITS", 7, 33, 0), ("CPL", 9, 33, 0), ("RFLAGS", 0, 33, 0),
    ],
)  # fmt: skip
def test_saved_state_that_cannot_be_loaded_kills_the_td(field, value, reason, rdx):
    machine = running()
    leave(machine, "interrupt")
    kit.vcpu(machine).vps[field] = value
    returned = kit.answer(kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR))
    assert returned.status == s.STATUS["TDX_NON_RECOVERABLE_TD"] | reason
    assert returned.outputs.get("RDX", 0) == rdx
    lp = machine.platform.lps[0]
    found = {name: gpr for name, gpr in zip(GPR_NAMES, lp.gprs, strict=True) if gpr}
    wanted = {"RAX": returned.status, "RSP": RSP_OF_HOST} | ({"RDX": rdx} if rdx else {})
    assert (found, lp.xmm) == (wanted, [0] * 16)
    assert kit.td(machine).tdr["FATAL"] == 1


def test_another_vcpu_and_the_module_meet_no_trained_predictor():
    machine = running()
    predictor = machine.platform.lps[0].predictor
    predictor.barrier()
    predictor.train(0x8000_1000, 0x8000_2000, "td-a")
    leave(machine, "interrupt")
    assert [type(n) for n in machine._news if isinstance(n, e.BranchHistoryCleared)]
    assert (predictor.history, len(predictor.targets)) == (0, 1)
    machine.platform.lps[0].last_tdvpr = 0x70_0000
    events = kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR)
    assert [n.entries for n in events if isinstance(n, e.IbpbIssued)] == [1]
    assert predictor.predict(0x8000_1000, "td-a") is None


def test_an_event_of_the_last_exit_comes_before_an_nmi_that_the_host_asks_for():
    """An exception was being delivered when the TD left; neither may vanish."""
    machine = kit.before("running")
    lp = machine.platform.lps[0]
    ctx = guest_memory.translation(machine.platform, machine.module, 0)
    handler, table = 0x8000_2E00, 0x8000_2800
    gate = handler & 0xFFFF | lp.cpu.cs << 16 | 0x8E << 40 | handler >> 16 << 48
    path.store(machine.platform, lp, ctx, handler, bytes([0x90] * 16))
    for vector in (2, 20):
        path.store(machine.platform, lp, ctx, table + vector * 16, gate.to_bytes(16, "little"))
    lp.cpu.idt_base, lp.cpu.idt_limit = table, 0x1FF
    lp.cpu.event = 1 << 31 | 3 << 8 | 20
    leave(machine, "violation")
    kit.seamcall(
        machine, "TDH.VP.WR", rcx=layout.TDVPR, rdx=metadata.named("PEND_NMI").element_id(0), r8=1, r9=U64
    )
    kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR)
    events = machine.do(RunGuest(lp=0, steps=1))
    assert lp.cpu.rip == handler + 1
    story = [n for n in events if isinstance(n, e.ExceptionDelivered | e.InstructionRetired)]
    told = [(n.vector, n.kind) for n in story[:2] if isinstance(n, e.ExceptionDelivered)]
    assert told == [(20, "fault"), (2, "nmi")]  # no instruction between them


def test_an_nmi_that_the_host_asks_for_waits_until_ve_information_was_read():
    machine = running(False)
    leave(machine, "interrupt")
    vps = kit.vcpu(machine).vps
    vps["PEND_NMI"], vps["VE_VALID"] = 1, 0xFFFF_FFFF
    kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR)
    events = machine.do(RunGuest(lp=0, steps=2, trace=False))
    assert not [n for n in events if isinstance(n, e.ExceptionDelivered)]
    vps["VE_VALID"] = 0
    events = machine.do(RunGuest(lp=0, steps=1, trace=False))
    delivered = [n for n in events if isinstance(n, e.ExceptionDelivered)]
    assert [n.vector for n in delivered[:1]] == [2]
    assert delivered[0].kind == "nmi"
