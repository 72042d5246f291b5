"""Host priority: a guest that holds an entry's lock once too long waits until a host call has had its turn."""

import pytest

from tdxviz.core import events as e
from tdxviz.core import peek_sept, peek_walk
from tdxviz.core.arch import sept
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import Proceed, RunGuest, Seamcall, Tdcall
from tdxviz.core.host import layout
from tests.core.tdx import checks_guest, kit
from tests.core.tdx.cases import TD_2M

GPA, TDR, HOST = layout.GUEST_BASE + 0xD000, layout.TDR, 2
ACCEPT, ATTR_RD, SEPT_RD, VMCALL = 6, 23, 25, 0
BUSY, LP0 = "TDX_OPERAND_BUSY", 0
HINT = 1 << 52


def host_reads(machine) -> str:
    return status(machine.do(Seamcall(rax=SEPT_RD, rcx=GPA, rdx=TDR, lp=HOST)))


def guest(machine, leaf: int, **how: int) -> str:
    return status(machine.do(Tdcall(rax=leaf, rcx=GPA, **how)))


def status(events) -> str:
    returned = [n for n in events if isinstance(n, e.LeafReturned)]
    return s.name_of(returned[0].status) if returned else type(events[-1]).__name__


@pytest.fixture(scope="module")
def pending():
    """A page at GPA that the guest has still to accept."""
    machine = kit.before("running")
    kit.first("TDH.MEM.PAGE.AUG", rcx=GPA, rdx=TDR, r8=kit.FREE_PAGE, lp=HOST)(machine)
    return machine


@pytest.fixture(scope="module")
def flagged(pending):
    """The host has found the page's entry locked by the guest, who has let go of it since."""
    machine = pending.copy()
    assert guest(machine, ATTR_RD, hold=2) == "SeamcallHeld"
    assert host_reads(machine) == BUSY
    assert status(machine.do(Proceed(lp=LP0))) == "TDX_SUCCESS"
    return machine


def entry(machine) -> int:
    from tdxviz.core.hw import physical
    from tdxviz.core.tdx.call import Call

    call = Call(machine.platform, machine.module, 0, BY_NAME["TDH.MR.EXTEND"], {})
    place, _ = call.entry_at(kit.td(machine), GPA, 0)
    return int.from_bytes(physical.read_physical(machine.platform, place.address, place.hkid, 8), "little")


def test_the_guest_is_busy_until_a_host_call_gets_the_lock(flagged):
    machine = flagged.copy()
    assert entry(machine) & sept.HOST_PRIORITY
    for leaf in (ATTR_RD, ACCEPT, ATTR_RD):
        (returned,) = machine.do(Tdcall(rax=leaf, rcx=GPA))
        assert returned.status == s.with_operand(BUSY, "RCX") == machine.platform.lps[0].cpu.gprs[0]
        assert "goes first" in returned.reason
    assert host_reads(machine) == "TDX_SUCCESS"
    assert not entry(machine) & sept.HOST_PRIORITY
    assert guest(machine, ACCEPT) == "TDX_SUCCESS"


def test_the_flag_is_no_part_of_what_anybody_is_told(flagged, pending):
    told = [
        kit.answer(m.copy().do(Seamcall(rax=SEPT_RD, rcx=GPA, rdx=TDR, lp=HOST))).outputs
        for m in (flagged, pending)
    ]
    assert told[0] == told[1]


def test_who_has_the_lock_already_is_not_stopped_by_the_flag(pending):
    machine = pending.copy()
    assert guest(machine, ACCEPT, hold=5) == "SeamcallHeld"
    assert host_reads(machine) == BUSY
    assert status(machine.do(Proceed(lp=LP0))) == "TDX_SUCCESS"
    assert guest(machine, ATTR_RD) == BUSY  # read with the entry, and written back with it
    assert host_reads(machine) == "TDX_SUCCESS"
    assert guest(machine, ATTR_RD) == "TDX_SUCCESS"


def test_an_accept_that_has_read_the_entry_before_writes_the_flag_away(pending):
    machine = pending.copy()
    assert guest(machine, ACCEPT, hold=8) == "SeamcallHeld"
    assert host_reads(machine) == BUSY
    assert status(machine.do(Proceed(lp=LP0))) == "TDX_SUCCESS"
    assert guest(machine, ATTR_RD) == "TDX_SUCCESS"


def test_a_host_call_that_is_held_with_the_lock_keeps_a_flag_that_comes_later(flagged):
    machine = flagged.copy()
    held = machine.do(Seamcall(rax=SEPT_RD, rcx=GPA, rdx=TDR, lp=HOST, hold=15))
    assert isinstance(held[-1], e.SeamcallHeld)
    assert not entry(machine) & sept.HOST_PRIORITY
    assert status(machine.do(Seamcall(rax=SEPT_RD, rcx=GPA, rdx=TDR, lp=3))) == BUSY
    assert status(machine.do(Proceed(lp=HOST))) == "TDX_SUCCESS"
    assert guest(machine, ATTR_RD) == BUSY


def patience(machine, microseconds: int) -> None:
    kit.tdcs_field("HP_LOCK_TIMEOUT", microseconds)(machine)


def wait(machine, ticks: int) -> None:
    machine.platform.lps[3].retired += ticks


@pytest.mark.parametrize("hint", [0, HINT])
def test_a_guest_that_loses_for_too_long_is_taken_off_and_told_so(flagged, hint):
    machine = flagged.copy()
    patience(machine, 10_000)  # 25 million ticks of 2.5 GHz
    rip = machine.platform.lps[0].cpu.rip
    assert guest(machine, ATTR_RD) == BUSY
    wait(machine, 24_999_999)
    assert guest(machine, ATTR_RD) == BUSY
    wait(machine, 1)
    events = machine.do(Tdcall(rax=ATTR_RD, rcx=GPA))
    (exited,) = [n for n in events if isinstance(n, e.TdExited)]
    assert (s.name_of(exited.status), exited.status & 0xFFFF_FFFF) == ("TDX_HOST_PRIORITY_BUSY_TIMEOUT", 0)
    assert kit.vcpu(machine).vps["RIP"] == rip
    assert machine.do(Seamcall(rax=VMCALL, rcx=layout.TDVPR | hint))[-1] == e.TdEntered(
        lp=0, td="td-a", vcpu=0
    )
    expected = s.with_operand(BUSY, "RCX") | (1 << 60 if hint else 0)
    assert machine.platform.lps[0].cpu.gprs[0] == expected
    assert guest(machine, ATTR_RD) == BUSY  # the time starts anew


def test_any_other_answer_ends_the_wait(flagged):
    machine = flagged.copy()
    patience(machine, 10_000)
    assert guest(machine, ATTR_RD) == BUSY
    wait(machine, 10**9)
    assert guest(machine, BY_NAME["TDG.VP.INFO"].number) == "TDX_SUCCESS"
    assert guest(machine, ATTR_RD) == BUSY


def test_the_wait_goes_on_across_td_exits(flagged):
    machine = flagged.copy()
    patience(machine, 10_000)
    assert guest(machine, ATTR_RD) == BUSY
    machine.platform.lps[0].pending_interrupt = 0x31
    machine.do(RunGuest(lp=0, steps=60, trace=False))
    assert machine.platform.lps[0].mode == "host"
    wait(machine, 10**9)
    machine.do(Seamcall(rax=VMCALL, rcx=layout.TDVPR))
    events = machine.do(Tdcall(rax=ATTR_RD, rcx=GPA))
    assert [s.name_of(n.status) for n in events if isinstance(n, e.TdExited)] == [
        "TDX_HOST_PRIORITY_BUSY_TIMEOUT"
    ]


def test_a_large_page_is_accepted_piece_by_piece_when_interruptions_wait():
    machine = kit.before("running")
    checks_guest.large_leaf(machine)
    machine.platform.lps[0].pending_interrupt = 0x31
    before = machine.platform.lps[0].cpu.copy()
    for number in range(1, 4):
        events = kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=TD_2M | 1)
        assert events[-1] == e.TdcallInterrupted(lp=0, name="TDG.MEM.PAGE.ACCEPT", done=number, of=512)
    assert machine.platform.lps[0].cpu.rip == before.rip
    read = kit.answer(machine.do(Seamcall(rax=SEPT_RD, rcx=TD_2M | 1, rdx=TDR, lp=1)))
    assert read.outputs["RDX"] == 2 << 8 | 1
    assert read.outputs["RCX"] & 0xF_FFFF_FFFF_F000 == kit.FREE_PAGE + 3 * 0x1000  # as the module shows it
    machine.platform.lps[0].pending_interrupt = -1
    assert kit.answer(kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=TD_2M | 1)).status == 0
    read = kit.answer(machine.do(Seamcall(rax=SEPT_RD, rcx=TD_2M | 1, rdx=TDR, lp=1)))
    assert read.outputs["RDX"] == 4 << 8 | 1
    assert read.outputs["RCX"] & 0xF_FFFF_FFFF_F000 == kit.FREE_PAGE


def test_progress_survives_block_and_unblock_and_not_a_demotion():
    machine = kit.before("running")
    checks_guest.large_leaf(machine)
    machine.platform.lps[0].pending_interrupt = 0x31
    kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=TD_2M | 1)
    machine.do(RunGuest(lp=0, steps=60, trace=False))
    kit.first("TDH.MEM.RANGE.BLOCK", rcx=TD_2M | 1, rdx=TDR, lp=1)(machine)
    kit.first("TDH.MEM.TRACK", rcx=TDR, lp=1)(machine)
    twin = machine.copy()
    kit.first("TDH.MEM.RANGE.UNBLOCK", rcx=TD_2M | 1, rdx=TDR, lp=1)(machine)
    read = kit.answer(machine.do(Seamcall(rax=SEPT_RD, rcx=TD_2M | 1, rdx=TDR, lp=1)))
    assert read.outputs["RCX"] & 0xF_FFFF_FFFF_F000 == kit.FREE_PAGE + 0x1000
    kit.first("TDH.MEM.PAGE.DEMOTE", rcx=TD_2M | 1, rdx=TDR, r8=kit.FREE_PAGE + 0x400000, lp=1)(twin)
    for number in (0, 1, 511):
        read = kit.answer(twin.do(Seamcall(rax=SEPT_RD, rcx=TD_2M + number * 0x1000, rdx=TDR, lp=1)))
        assert read.outputs["RCX"] & 0xF_FFFF_FFFF_F000 == kit.FREE_PAGE + number * 0x1000


def test_the_views_know_the_page_of_a_half_accepted_entry():
    machine = kit.before("running")
    checks_guest.large_leaf(machine)
    machine.platform.lps[0].pending_interrupt = 0x31
    kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=TD_2M | 1)
    actor, leaf = peek_sept.leaves(machine)[kit.FREE_PAGE]
    assert (actor, leaf.gpa, leaf.state) == ("td-a", TD_2M, "PENDING")
    assert peek_walk.page_now(machine, TD_2M + 0x5000, TDR) == kit.FREE_PAGE + 0x5000
