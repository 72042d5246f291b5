"""What instructions do in a TD: one test a row of tdx-architecture 10.1, and the policies of 10.2 and 10.3."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import exits, msr_policy
from tdxviz.core.arch import status as s
from tdxviz.core.commands import HostWrite, RaiseInterrupt, RunGuest
from tdxviz.core.faults import EptViolation, GuestFault, Intercept
from tdxviz.core.guest import execute
from tdxviz.core.host import layout
from tdxviz.core.hw import path
from tdxviz.core.tdx import guest_memory, guest_side
from tests.core.tdx import kit

RAX, RCX, RDX, RBX = range(4)


@pytest.fixture(scope="module")
def base():
    """The vault's TD inside."""
    return kit.before("running")


@pytest.fixture
def machine(base):
    return base.copy()


def act(machine, name: str, length: int = 2, qualification: int = 0) -> str:
    """What one intercepted instruction becomes: ``done``, ``left`` or the vector."""
    return judged(machine, Intercept(name, length, qualification))


def judged(machine, outcome: Intercept) -> str:
    machine._news = []
    fault = guest_side.guest_intercept(machine.platform, machine.module, 0, outcome)
    if fault is not None:
        return f"#{fault.vector}" + ("" if fault.error is None else f"({fault.error})")
    return "done" if machine.platform.lps[0].mode == "td" else "left"


def cpu_of(machine):
    return machine.platform.lps[0].cpu


# --- 10.1 -----------------------------------------------------------------------------------------

TO_VE = {
    "HLT": 12, "INVD": 13, "VMCALL": 18, "WBINVD": 54, "IN": 30, "OUT": 30, "INS": 30, "OUTS": 30,
    "MONITOR": 39, "MWAIT": 36, "PCONFIG": 65,
}  # fmt: skip


@pytest.mark.parametrize("name", TO_VE)
def test_ve_with_its_reason_length_and_qualification(machine, name):
    cpu = cpu_of(machine)
    rip = cpu.rip
    qualification = 0 if name in ("MONITOR", "MWAIT") else 0x40_0008
    assert act(machine, name, 3, qualification) == "#20"
    vps = kit.vcpu(machine).vps
    found = {field: vps[f"VE_{field}"] for field in ("EXIT_REASON", "LENGTH", "QUALIFICATION", "GPA", "GLA")}
    assert found == {
        "EXIT_REASON": TO_VE[name],
        "LENGTH": 3,
        "QUALIFICATION": qualification,
        "GPA": 0,
        "GLA": 0,
    }
    assert vps["VE_VALID"] == 0xFFFF_FFFF
    assert cpu.rip == rip  # the handler adds the length itself
    assert [n for n in machine._news if isinstance(n, e.VeInjected)]


@pytest.mark.parametrize("name", TO_VE)
def test_a_second_ve_before_the_first_was_read_is_a_double_fault(machine, name):
    act(machine, "HLT")
    assert act(machine, name) == "#8(0)"


@pytest.mark.parametrize(
    "name",
    ["VMCLEAR", "VMLAUNCH", "VMPTRLD", "VMPTRST", "VMREAD", "VMRESUME", "VMWRITE", "VMXOFF", "VMXON", "INVEPT",
     "INVVPID", "VMFUNC", "SEAMCALL", "SEAMRET", "SEAMOPS", "GETSEC", "RSM", "ENCLS", "ENCLV", "ENQCMDS"],
)  # fmt: skip
def test_undefined_in_a_td(machine, name):
    assert act(machine, name) == "#6"


@pytest.mark.parametrize("name", ["ENQCMD", "RDPMC"])
def test_general_protection(machine, name):
    assert act(machine, name) == "#13(0)"


@pytest.mark.parametrize(
    ("leaf", "subleaf", "outcome"),
    [
        (0, 0, "done"), (1, 0, "done"), (7, 0, "done"), (0xD, 1, "done"), (0x21, 0, "done"), (0x8000_0008, 0, "done"),
        (0x22, 0, "done"), (0x3FFF_FFFF, 0, "done"), (0x5000_0000, 0, "done"), (0x9000_0000, 0, "done"),
        (0x4000_0000, 0, "#20"), (0x4FFF_FFFF, 0, "#20"), (2, 0, "#20"), (0x16, 0, "#20"), (0x8000_0002, 0, "#20"),
        (0x1F, 0, "#20"), (0xD, 9, "#20"),
    ],
)  # fmt: skip
def test_cpuid(machine, leaf, subleaf, outcome):
    cpu = cpu_of(machine)
    rip = cpu.rip
    cpu.gprs[RAX], cpu.gprs[RCX] = leaf, subleaf
    assert act(machine, "CPUID") == outcome
    assert cpu.rip == (rip + 2 if outcome == "done" else rip)


def test_cpuid_above_the_last_leaf_is_the_last_basic_one(machine):
    cpu = cpu_of(machine)
    cpu.gprs[RAX] = 0x3FFF_FFFF
    act(machine, "CPUID")
    assert (cpu.gprs[RBX], cpu.gprs[RDX], cpu.gprs[RCX]) == (0x65746E49, 0x5844546C, 0x20202020)


def test_cpuid_is_answered_from_the_tdcs_and_the_host_cannot_change_it(machine):
    cpu = cpu_of(machine)
    kit.td(machine).tdcs["CPUID_80000008_0"] = 0x1234
    cpu.gprs[RAX] = 0x8000_0008
    act(machine, "CPUID")
    assert cpu.gprs[RAX] == 0x1234
    assert [n.by for n in machine._news if isinstance(n, e.CpuidAnswered)] == ["module"]


def test_cpuid_bits_that_follow_the_vcpu(machine):
    cpu = cpu_of(machine)
    cpu.cr4 |= 1 << 18
    cpu.gprs[RAX] = 1
    act(machine, "CPUID")
    assert cpu.gprs[RCX] >> 27 & 1
    cpu.gprs[RAX], cpu.bits = 0x8000_0001, 32
    act(machine, "CPUID")
    assert not cpu.gprs[RDX] >> 11 & 1


@pytest.mark.parametrize(
    ("wish", "cpl", "outcome"), [(1, 0, "#20"), (1, 3, "done"), (2, 0, "done"), (2, 3, "#20")]
)
def test_a_guest_may_want_ve_for_every_cpuid(machine, wish, cpl, outcome):
    assert kit.answer(kit.tdcall(machine, "TDG.VP.CPUIDVE.SET", rcx=wish)).status == 0
    cpu = cpu_of(machine)
    cpu.cpl, cpu.gprs[RAX] = cpl, 1
    assert act(machine, "CPUID") == outcome


@pytest.mark.parametrize(
    ("ecx", "value", "outcome"),
    [
        (0, 3, "done"),
        (1, 3, "#13(0)"),
        (0, 2, "#13(0)"),
        (0, 7, "#13(0)"),
        (0, 1 << 63 | 3, "#13(0)"),
        (0, 0, "#13(0)"),
    ],
)
def test_xsetbv_within_xfam(machine, ecx, value, outcome):
    cpu = cpu_of(machine)
    cpu.gprs[RCX], cpu.gprs[RAX], cpu.gprs[RDX] = ecx, value & 0xFFFF_FFFF, value >> 32
    assert act(machine, "XSETBV", 3) == outcome
    assert cpu.xcr0 == (value if outcome == "done" else 1)


@pytest.mark.parametrize(
    ("name", "ecx", "rax", "outcome"),
    [
        ("MONITOR", 0, 0x8000_4000, "done"), ("MONITOR", 1, 0x8000_4000, "#13(0)"), ("MWAIT", 0, 0, "done"),
        ("MWAIT", 1, 0, "done"), ("MWAIT", 2, 0, "#13(0)"), ("MONITOR", 0, 0x7000_0000_0000, "#14(0)"),
        ("MONITOR", 0, 1 << 63, "#13(0)"),
    ],
)  # fmt: skip
def test_monitor_and_mwait_execute_where_cpuid_shows_them(machine, name, ecx, rax, outcome):
    tdcs = kit.td(machine).tdcs
    tdcs["CPUID_1_0"] |= 1 << 64 + 3
    cpu = cpu_of(machine)
    rip, cpu.gprs[RCX], cpu.gprs[RAX] = cpu.rip, ecx, rax
    assert act(machine, name, 3) == outcome
    assert cpu.rip == (rip + 3 if outcome == "done" else rip)
    assert not [n for n in machine._news if isinstance(n, e.VeInjected)]


def test_tdcall_outside_64_bit_mode_is_gp(machine):
    cpu_of(machine).bits = 32
    assert act(machine, "TDCALL", 4) == "#13(0)"


# --- 10.2 -----------------------------------------------------------------------------------------

SAMPLES = [
    (row, part.start) for row in (*msr_policy.RULES, msr_policy.OTHERS) for part in (row.numbers or (range(0x1B, 0x1C),))
]  # fmt: skip


@pytest.mark.parametrize(("row", "number"), SAMPLES, ids=[f"{number:x}" for _, number in SAMPLES])
@pytest.mark.parametrize("name", ["RDMSR", "WRMSR"])
def test_every_row_of_the_msr_policy(machine, row, number, name):
    """This TD has no optional feature. A value of 0 is legal for every MSR that can be written."""
    cpu = cpu_of(machine)
    rip = cpu.rip
    cpu.gprs[RCX], cpu.gprs[RAX], cpu.gprs[RDX] = number, 0, 0
    if name == "WRMSR" and number == 0xC0000080:
        cpu.gprs[RAX] = cpu.efer & ~1
    if name == "WRMSR" and number == 0x83F:
        cpu.gprs[RAX] = 0x44
    rule = row.read if name == "RDMSR" else row.write
    expected = {"direct": "done", "emulated": "done", "#VE": "#20", "#GP(0)": "#13(0)"}[rule]
    if row.needs:
        expected = "#13(0)"
    if name == "RDMSR" and number in (0x10B, 0x83F):
        expected = "#13(0)"  # write-only
    if name == "WRMSR" and number in (0x80A, 0x810):
        expected = "#13(0)"  # read-only
    if name == "RDMSR" and number == 0x80B:
        expected = "#13(0)"
    assert act(machine, name) == expected
    assert cpu.rip == (rip + 2 if expected == "done" else rip)


def test_features_open_their_msrs(machine):
    cpu = cpu_of(machine)
    kit.td(machine).tdcs["XFAM"] = 3 | 3 << 11
    kit.td(machine).tdcs["ATTRIBUTES"] = 1 << 30 | 1 << 63
    for number, value in ((0x6A2, 1), (0x6E1, 4), (0x309, 7), (0x38D, 2)):
        cpu.gprs[RCX], cpu.gprs[RAX], cpu.gprs[RDX] = number, value, 0
        assert act(machine, "WRMSR") == "done"
        cpu.gprs[RAX] = 99
        assert act(machine, "RDMSR") == "done"
        assert cpu.gprs[RAX] == value
    cpu.gprs[RCX], cpu.gprs[RAX] = 0xDA0, 3 << 11
    assert act(machine, "WRMSR") == "done"
    cpu.gprs[RAX] = 1 << 8
    assert act(machine, "WRMSR") == "#13(0)"


@pytest.mark.parametrize(
    ("number", "value", "outcome"),
    [
        (0xC0000080, 0x900 | 1 << 10, "done"), (0xC0000080, 0x101, "#20"), (0x1D9, 1, "done"), (0x1D9, 0x40, "#20"),
        (0x1D9, 0xC0, "done"), (0x1D9, 1 << 20, "#13(0)"), (0xC0000082, 1 << 63, "#13(0)"), (0x808, 0x80, "done"),
    ],
)  # fmt: skip
def test_written_values_are_judged(machine, number, value, outcome):
    cpu = cpu_of(machine)
    cpu.gprs[RCX], cpu.gprs[RAX], cpu.gprs[RDX] = number, value & 0xFFFF_FFFF, value >> 32
    assert act(machine, "WRMSR") == outcome


def test_pred_cmd_is_a_barrier_of_the_guests_own(machine):
    cpu, predictor = cpu_of(machine), machine.platform.lps[0].predictor
    predictor.barrier()
    predictor.train(1, 2, "td-a")
    cpu.gprs[RCX], cpu.gprs[RAX], cpu.gprs[RDX] = 0x49, 1, 0
    assert act(machine, "WRMSR") == "done"
    assert [n.entries for n in machine._news if isinstance(n, e.IbpbIssued)] == [1]
    assert predictor.predict(1, "td-a") is None


# --- 10.3 -----------------------------------------------------------------------------------------


def run_code(machine, code: str, **regs: int) -> str:
    """Execute one instruction at a scratch place of the guest; the outcome as in ``act``."""
    p, lp = machine.platform, machine.platform.lps[0]
    ctx = guest_memory.translation(p, machine.module, 0)
    cpu = lp.cpu
    place = 0x8000_2E00
    path.store(p, lp, ctx, place, bytes.fromhex(code))
    cpu.rip = place
    for name, value in regs.items():
        cpu.gprs[("rax", "rcx", "rdx", "rbx").index(name)] = value
    try:
        execute.step(p, lp, ctx, cpu)
    except GuestFault as fault:
        return f"#{fault.vector}" + ("" if fault.error is None else f"({fault.error})")
    except Intercept as outcome:
        return judged(machine, outcome)
    return "done"


CR0 = 0x8000_0021


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (CR0 | 1 << 16, "done"), (CR0 | 0xFFC0 | 1 << 19, "done"), (CR0 | 1 << 32, "#13(0)"), (CR0 & ~1, "#13(0)"),
        (CR0 | 1 << 29, "#13(0)"), (CR0 | 1 << 30, "#20"), (CR0 & ~0x20, "#20"), (CR0 & ~(1 << 31), "#13(0)"),
    ],
)  # fmt: skip
def test_mov_to_cr0(machine, value, outcome):
    assert run_code(machine, "0f22c0", rax=value) == outcome
    cpu = cpu_of(machine)
    assert cpu.cr0 == (value & ~(0x1FF8_0000 | 1 << 17 | 0xFFC0) if outcome == "done" else CR0)
    if outcome == "#20":
        assert kit.vcpu(machine).vps["VE_EXIT_REASON"] == exits.CR_ACCESS


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (0x60, "done"), (0x60 | 1 << 7, "done"), (0x20, "#20"), (0x60 | 1 << 13, "#20"), (0x60 | 1 << 14, "#20"),
        (0x40, "#13(0)"), (0x60 | 1 << 15, "#13(0)"), (0x60 | 1 << 23, "#13(0)"), (0x60 | 1 << 22, "#13(0)"),
        (0x60 | 1 << 40, "#13(0)"),
    ],
)  # fmt: skip
def test_mov_to_cr4(machine, value, outcome):
    assert run_code(machine, "0f22e0", rax=value) == outcome
    assert cpu_of(machine).cr4 == (value if outcome == "done" else 0x60)


def test_lmsw_and_cr8(machine):
    assert run_code(machine, "0f01f0", rax=0xF) == "done"
    assert cpu_of(machine).cr0 == CR0 | 0xE
    assert run_code(machine, "440f22c0", rax=0x10) == "#13(0)"
    assert run_code(machine, "440f22c0", rax=0x9) == "done"
    assert cpu_of(machine).tpr == 0x90
    assert run_code(machine, "440f20c3") == "done"
    assert cpu_of(machine).gprs[RBX] == 9


@pytest.mark.parametrize(
    "code", ["f4", "0f08", "0f09", "0f32", "0f30", "0f22c0", "0f01f0", "660f01cc", "660f01cf"]
)
def test_privileged_instructions_fault_in_user_mode_before_anything_else(machine, code):
    cpu_of(machine).cpl = 3
    cpu_of(machine).cr0 &= ~(1 << 31)  # the program's own tables have no page for user code
    machine.platform.lps[0].tlb.flush()
    assert run_code(machine, code) == "#13(0)"


@pytest.mark.parametrize(("code", "cpl"), [("0f01d1", 0), ("0f01d1", 3), ("0f01c8", 3), ("0f01c9", 3)])
def test_ud_comes_before_the_exit(machine, code, cpl):
    """XSETBV without CR4.OSXSAVE, MONITOR and MWAIT above CPL 0."""
    cpu_of(machine).cpl = cpl
    cpu_of(machine).cr4 &= ~(1 << 18)
    cpu_of(machine).cr0 &= ~(1 << 31)
    machine.platform.lps[0].tlb.flush()
    assert run_code(machine, code) == "#6"


@pytest.mark.parametrize(
    ("code", "information"), [("6c", 2 << 7), ("6e", 2 << 7 | 3 << 15), ("67646e", 1 << 7 | 4 << 15)]
)
def test_string_port_accesses_tell_the_handler_how_memory_is_addressed(machine, code, information):
    assert run_code(machine, code) == "#20"
    assert kit.vcpu(machine).vps["VE_INSTRUCTION_INFO"] == information


def touched(machine, code: str, **regs: int) -> EptViolation:
    """One instruction runs into the second level."""
    with pytest.raises(EptViolation) as caught:
        run_code(machine, code, **regs)
    return caught.value


HOLE = layout.GUEST_BASE + 0xD000


@pytest.mark.parametrize(("code", "bits"), [("488b18", 1), ("488918", 2)])
def test_the_guest_is_told_the_whole_qualification_and_the_host_a_part(machine, code, bits):
    """SDM 3, table 28-7: linear address valid (7), and not of a page walk (8); the module hides bits 12:7 from the host."""
    outcome = touched(machine, code, rax=HOLE)
    assert (outcome.gla, outcome.qualification) == (HOLE, bits | 0x180)
    twin = machine.copy()
    outcome.state, kit.td(machine).tdcs["TD_CTLS"] = "PENDING", 0
    assert guest_side.guest_ept_violation(machine.platform, machine.module, 0, outcome) is not None
    assert kit.vcpu(machine).vps["VE_QUALIFICATION"] == bits | 0x180
    outcome.state = "FREE"
    guest_side.guest_ept_violation(twin.platform, twin.module, 0, outcome)
    assert twin.platform.lps[0].gprs[RCX] == bits


def test_a_page_walk_that_finds_no_page_table_says_so(machine):
    cpu_of(machine).cr3 = HOLE
    ctx = guest_memory.translation(machine.platform, machine.module, 0)
    with pytest.raises(EptViolation) as caught:
        path.load(machine.platform, machine.platform.lps[0], ctx, 0x12345000, 8)
    assert (caught.value.gla, caught.value.qualification) == (0x12345000, 0x81)


FATAL = {
    "instruction": (lambda p, m: guest_side.guest_intercept(p, m, 0, Intercept("OUT", 1, 0xE9_0000)), 30, 0xE9_0000),
    "violation": (
        lambda p, m: guest_side.guest_ept_violation(p, m, 0, EptViolation(0x5123, "store", state="FREE", level=0, gla=0x5123)),
        48, 0x182,
    ),
    "misconfiguration": (
        lambda p, m: guest_side.guest_ept_violation(p, m, 0, EptViolation(1 << 47, "load", state="MISCONFIGURED", level=0)),
        49, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", FATAL)
def test_an_exit_of_a_td_that_is_fatal_already_tells_its_own_qualification(machine, how):
    exit_, reason, qualification = FATAL[how]
    kit.td(machine).tdr["FATAL"] = 1
    exit_(machine.platform, machine.module)
    found = machine.platform.lps[0].gprs
    assert found[RAX] == s.STATUS["TDX_NON_RECOVERABLE_TD_NON_ACCESSIBLE"] | reason
    assert (found[RCX], found[RDX], found[8], found[9]) == (qualification, 0, 0, 0)


# --- 9.5 ------------------------------------------------------------------------------------------


def test_posted_interrupts_arrive_without_an_exit(machine):
    vps = kit.vcpu(machine).vps
    machine.do(RaiseInterrupt(lp=0, vector=0x30))
    machine.do(RunGuest(lp=0, steps=1))
    vps["POSTED_INTERRUPT_NOTIFICATION_VECTOR"], vps["POSTED_INTERRUPT_DESCRIPTOR_ADDRESS"] = 0xF2, 0x30_0040
    vps["PIN_BASED_CONTROLS"] = 1 << 7
    kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR)
    machine.do(HostWrite(hpa=0x30_0040, data=(1 << 0x41 | 1 << 256).to_bytes(64, "little"), lp=1))
    machine.do(RaiseInterrupt(lp=0, vector=0xF2))
    events = machine.do(RunGuest(lp=0, steps=2))
    assert [n.vectors for n in events if isinstance(n, e.InterruptsPosted)] == [(0x41,)]
    assert not [n for n in events if isinstance(n, e.TdExited)]
    assert cpu_of(machine).irr == 1 << 0x41  # IF is 0: it waits
    machine.do(RaiseInterrupt(lp=0, vector=0x30))
    machine.do(RunGuest(lp=0, steps=1))
    assert kit.vcpu(machine).vps["IRR2"] == 2  # and is kept in the virtual APIC page
