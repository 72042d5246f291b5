"""Running a guest: what its troubles turn into, in a TD (tdx-architecture 10.1) and how steps count."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.arch import exits
from tdxviz.core.host import layout
from tdxviz.core.hw import physical
from tdxviz.core.tdx import guest_memory
from tests.core.tdx import kit

UD, DF, GP, VE = 6, 8, 13, 20
BALANCE_LINE = 0x8000_5040


def td(code: str):
    """The vault's TD with other code at its RIP: written as the TD itself would."""
    machine = kit.before("running")
    lp = machine.platform.lps[0]
    ctx = guest_memory.translation(machine.platform, machine.module, 0)
    hpa = layout.hpa_of(lp.cpu.rip)
    physical.write_physical(machine.platform, hpa, ctx.hkid, bytes.fromhex(code).ljust(16, b"\x90"))
    return machine


def delivered(events) -> list[int]:
    return [n.vector for n in events if isinstance(n, e.ExceptionDelivered)]


TO_VE = {
    "HLT": ("f4", exits.HLT), "INVD": ("0f08", exits.INVD), "VMCALL": ("0f01c1", exits.VMCALL),
    "WBINVD": ("0f09", exits.WBINVD), "WBNOINVD": ("f30f09", exits.WBINVD), "IN": ("ec", exits.IO),
    "OUT": ("e620", exits.IO), "INS": ("6c", exits.IO), "OUTS": ("6e", exits.IO), "RDMSR": ("0f32", exits.RDMSR),
    "WRMSR": ("0f30", exits.WRMSR), "MONITOR": ("0f01c8", exits.MONITOR), "MWAIT": ("0f01c9", exits.MWAIT),
}  # fmt: skip


@pytest.mark.parametrize("name", TO_VE)
def test_the_module_turns_it_into_ve_without_telling_the_host(name):
    code, reason = TO_VE[name]
    machine = td(code)
    rip = machine.platform.lps[0].cpu.rip
    events = machine.do(c.RunGuest(steps=1))
    (injected,) = [n for n in events if isinstance(n, e.VeInjected)]
    assert injected.reason == reason
    vps = kit.vcpu(machine).vps
    assert (vps["VE_EXIT_REASON"], vps["VE_LENGTH"], vps["VE_VALID"]) == (reason, len(code) // 2, 0xFFFF_FFFF)
    assert delivered(events)[0] == VE
    first = next(n for n in events if isinstance(n, e.ExceptionDelivered))
    assert first.rip == rip  # the handler itself adds the length


PORTS = {
    "ec": 8 | 0x3540 << 16, "e4e9": 8 | 64 | 0xE9 << 16, "ee": 0x3540 << 16, "66ef": 1 | 0x3540 << 16,
    "ef": 3 | 0x3540 << 16, "e7f4": 3 | 64 | 0xF4 << 16, "6e": 16 | 0x3540 << 16, "f36f": 3 | 16 | 32 | 0x3540 << 16,
    "666d": 1 | 8 | 16 | 0x3540 << 16,
}  # fmt: skip


@pytest.mark.parametrize("code", PORTS)
def test_ve_information_of_a_port_access_is_the_vmx_exit_qualification(code):
    machine = td(code)
    machine.platform.lps[0].cpu.gprs[1:3] = [1, 0x8000_3540]  # a count of 0 would do nothing
    machine.do(c.RunGuest(steps=1))
    assert kit.vcpu(machine).vps["VE_QUALIFICATION"] == PORTS[code]


def test_a_run_can_stop_before_an_instruction_that_leaves_the_guest():
    machine = td("90660f01cc")
    lp = machine.platform.lps[0]
    lp.cpu.gprs[0] = 1  # TDG.VP.INFO
    before, rip = lp.retired, lp.cpu.rip
    machine.do(c.RunGuest(steps=50, stop_before="TDCALL"))
    assert (lp.retired, lp.cpu.rip) == (before + 1, rip + 1)
    assert machine.copy().platform.lps[0].retired == before + 1
    events = machine.do(c.RunGuest(steps=1, stop_before="TDCALL"))  # at least one instruction runs
    assert [n.name for n in events if isinstance(n, e.LeafReturned)] == ["TDG.VP.INFO"]
    assert (lp.retired, lp.cpu.rip) == (before + 2, rip + 5)


def test_what_faults_is_not_counted_as_retired():
    machine = td("900f0b")
    before = machine.platform.lps[0].retired
    machine.do(c.RunGuest(steps=5))
    assert machine.platform.lps[0].retired == before + 1


@pytest.mark.parametrize("name", TO_VE)
def test_ve_with_the_last_one_unread_is_a_double_fault(name):
    machine = td(TO_VE[name][0])
    kit.vcpu(machine).vps["VE_VALID"] = 0xFFFF_FFFF
    assert delivered(machine.do(c.RunGuest(steps=1)))[0] == DF


@pytest.mark.parametrize(
    "code",
    ["660f01cf", "0f01c2", "0f01c3", "0f01c4", "0f01d4", "0fc730", "0fc738", "660fc730", "f30fc730", "0f7818",
     "0f7918", "660f388000", "660f388100"],
)  # fmt: skip
def test_vmx_and_seam_instructions_are_ud(code):
    events = td(code).do(c.RunGuest(steps=1))
    assert delivered(events)[0] == UD
    assert not [n for n in events if isinstance(n, e.InstructionNotModelled)]


def test_rdpmc_is_gp():
    events = td("0f33").do(c.RunGuest(steps=1))
    assert delivered(events)[0] == GP


@pytest.mark.parametrize(("leaf", "by"), [(0, "module"), (0x21, "module"), (0x16, ""), (0x22, "module"),
                                          (0x4000_0000, ""), (0x4000_0001, ""), (0x8000_0000, "module")])  # fmt: skip
def test_cpuid(leaf, by):
    machine = td("0fa2")
    machine.platform.lps[0].cpu.gprs[0] = leaf
    events = machine.do(c.RunGuest(steps=1))
    answered = [n.by for n in events if isinstance(n, e.CpuidAnswered)]
    if by or answered:
        assert answered == ["module"]  # the host is never asked directly
    else:
        assert [n.reason for n in events if isinstance(n, e.VeInjected)] == [exits.CPUID]


def test_leaf_0x21_says_intel_tdx():
    machine = td("0fa2")
    machine.platform.lps[0].cpu.gprs[0] = 0x21
    machine.do(c.RunGuest(steps=1))
    a, cx, d, b = (machine.platform.lps[0].cpu.gprs[n] for n in (0, 1, 2, 3))
    assert b"".join(n.to_bytes(4, "little") for n in (b, d, cx)) == b"IntelTDX    "


def test_steps_count_every_way_out_of_an_instruction():
    machine = td("900fa29090")
    machine.platform.lps[0].cpu.gprs[0] = 0
    rip = machine.platform.lps[0].cpu.rip
    machine.do(c.RunGuest(steps=3, trace=False))
    assert machine.platform.lps[0].cpu.rip == rip + 4


@pytest.mark.parametrize("trace", [True, False])
@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
def test_many_steps_equal_one_at_a_time(ready, world, trace):
    together, single = ready(world), ready(world)
    together.do(c.RunGuest(steps=300, trace=trace))
    for _ in range(300):
        single.do(c.RunGuest(steps=1, trace=trace))
    assert together.fingerprint() == single.fingerprint()


@pytest.mark.parametrize("world", ["legacy", "li", "ci"])
def test_tracing_does_not_change_what_happens(ready, world):
    watched, alone = ready(world), ready(world)
    watched.do(c.RunGuest(steps=400, trace=True))
    alone.do(c.RunGuest(steps=400, trace=False))
    assert watched.fingerprint() == alone.fingerprint()


def test_zero_and_negative_steps_do_nothing(ready):
    machine = ready("ci")
    before = machine.fingerprint()
    assert machine.do(c.RunGuest(steps=0)) == machine.do(c.RunGuest(steps=-5)) == ()
    assert machine.fingerprint() == before


def test_an_interrupt_on_the_hosts_processor_is_only_told(ready):
    machine = ready("ci")
    (event,) = machine.do(c.RaiseInterrupt(lp=2, vector=0x1FF))
    assert (type(event), event.vector) == (e.InterruptArrived, 0xFF)
    assert machine.platform.lps[2].pending_interrupt == -1


def test_poison_consumed_by_the_td_is_the_kill_chain():
    machine, line = td("488b03"), layout.hpa_of(BALANCE_LINE)
    machine.platform.lps[0].cpu.gprs[3] = BALANCE_LINE
    machine.do(c.EvictLine(hpa=line, keyid=0x21))
    machine.do(c.FlipBit(hpa=line, bit=1))
    events = machine.do(c.RunGuest(steps=1, trace=False))
    names = [type(n).__name__ for n in events]
    wanted = [
        "LinePoisoned",
        "UcnaLogged",
        "MachineCheckRaised",
        "TdBecameFatal",
        "RegistersScrubbed",
        "TdExited",
        "LeafReturned",
    ]
    assert [n for n in names if n in wanted] == wanted
    assert next(n for n in events if isinstance(n, e.MachineCheckRaised)).context == "td-a"
    (refused,) = [
        n for n in kit.seamcall(machine, "TDH.VP.ENTER", rcx=layout.TDVPR) if isinstance(n, e.LeafReturned)
    ]
    assert refused.passed == 7


@pytest.mark.parametrize("world", ["legacy", "ci"])
def test_waiting_lets_entered_guests_go_on_and_enters_nobody(ready, world):
    machine = ready(world)
    *_, passed = machine.do(c.HostWait(steps=20))
    assert passed.ran == ("vm-a" if world == "legacy" else "td-a",)
    machine.do(c.RaiseInterrupt(lp=0))
    machine.do(c.RunGuest(lp=0))
    events = machine.do(c.HostWait(steps=20))
    assert [event.ran for event in events if isinstance(event, e.TimePassed)] == [()]
    assert machine.platform.lps[0].mode == "host"


@pytest.mark.parametrize(("world", "counted"), [("legacy", 30), ("ci", 0)])
def test_the_hosts_counter_stands_still_while_a_td_runs(ready, world, counted):
    machine = ready(world)
    (before,) = machine.do(c.HostCount())
    machine.do(c.RunGuest(steps=30))
    (after,) = machine.do(c.HostCount())
    assert after.retired - before.retired == counted


def test_a_tdcall_that_takes_its_time_keeps_the_guest_inside_the_module(ready):
    """Its lock is found by others, an interrupt waits, and then it ends as any other TDCALL."""
    machine = ready("ci")
    gpa = layout.GUEST_BASE + 0xC000
    machine.do(c.Seamcall(rax=6, lp=1, rcx=gpa, rdx=layout.TDR, r8=0x80_0000))
    (held,) = machine.do(c.Tdcall(rax=6, rcx=gpa, hold=99))
    assert isinstance(held, e.SeamcallHeld)
    assert held.locks[0].startswith("SEPT_ENTRY")
    assert isinstance(machine.do(c.RunGuest(lp=0))[0], e.CommandRefused)
    blocked = machine.do(c.Seamcall(rax=7, lp=1, rcx=gpa, rdx=layout.TDR))[-1]
    assert "entry" in blocked.reason
    assert "locked" in blocked.reason
    twin = machine.copy()
    assert twin.fingerprint() == machine.fingerprint()
    machine.do(c.RaiseInterrupt(lp=0))
    returned = machine.do(c.Proceed(lp=0))[-1]
    assert (returned.name, returned.status) == ("TDG.MEM.PAGE.ACCEPT", 0)
    assert machine.do(c.RunGuest(lp=0))[-1].name == "TDH.VP.ENTER"
    assert isinstance(machine.do(c.Proceed(lp=0))[0], e.CommandRefused)
    assert isinstance(twin.do(c.Tdcall(rax=6, rcx=1 << 47, hold=99))[0], e.CommandRefused)


def test_the_host_trains_the_predictor_of_a_processor_that_is_its_own():
    machine = kit.before("running")
    (refused,) = machine.do(c.HostBranch(at=0x1000, to=0x2000, lp=0))
    assert isinstance(refused, e.CommandRefused) and "interrupt it first" in refused.reason
    before = machine.fingerprint()
    (done,) = machine.do(c.HostBranch(at=1 << 64 | 0x1000, to=0x2000, call=True, lp=1))
    assert done == e.HostBranched(lp=1, at=0x1000, to=0x2000, call=True)
    predictor = machine.platform.lps[1].predictor
    assert predictor.predict(0x1000, "host") == (0x1000, 0x2000, "host")
    assert list(predictor.returns) == [(0x1002, "host")]
    assert machine.fingerprint() != before


TF = 1 << 8
STEPPED = {
    # code -> how many instructions run before the single-step trap
    "nop": ("90", 1), "sti": ("fb90", 1), "mov ss": ("8ed090", 2), "cpuid": ("0fa290", 1), "mov dr7": ("0f23f890", 1),
    "rdmsr": ("0f3290", 1), "mov ds": ("8ed890", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPPED)
def test_a_single_step_trap_comes_behind_every_instruction_but_mov_ss(name):
    code, ran = STEPPED[name]
    machine = td(code)
    lp = machine.platform.lps[0]
    lp.cpu.rflags |= TF
    lp.cpu.gprs[0], lp.cpu.gprs[1] = (
        (0x400 if name == "mov dr7" else lp.cpu.ss if name == "mov ss" else 0),
        0xC0000100,
    )
    before = lp.retired
    events = machine.do(c.RunGuest(steps=3))
    first = next(n for n in events if isinstance(n, e.ExceptionDelivered))
    assert first.vector == 1
    assert lp.retired - before == ran
