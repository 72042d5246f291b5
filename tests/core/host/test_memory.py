"""An honest host at work on a running TD's memory: what the TD, the host and the PAMT see of it."""

import pytest

from tdxviz.core import running
from tdxviz.core.commands import RunGuest, Seamcall
from tdxviz.core.drive import drive
from tdxviz.core.events import LeafReturned, TdBecameFatal, TdExited
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, memory, run
from tdxviz.core.hw import path, physical
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.units import PAGE
from tests.core.tdx import kit
from tests.core.tdx.cases import TD_2M

SECRET_GPA = layout.symbol("password") & -PAGE
SECRET = layout.hpa_of(SECRET_GPA)


def leaves(events) -> list[str]:
    return [e.name.removeprefix("TDH.") for e in events if isinstance(e, LeafReturned)]


def entry_state(machine: Machine, gpa: int, level: int = 0) -> int:
    """Public state of a Secure EPT entry, as the host can ask for it."""
    twin = machine.copy()
    lp = memory.free_lp(twin)
    answer = kit.answer(kit.seamcall(twin, "TDH.MEM.SEPT.RD", rcx=gpa | level, rdx=layout.TDR, lp=lp))
    assert answer.status == 0
    return answer.outputs["RDX"] >> 8 & 0xFF


@pytest.fixture
def machine() -> Machine:
    return kit.before("running")


def test_a_page_is_taken_away_leaf_by_leaf(machine):
    events, _ = drive(machine, memory.remove(machine, SECRET_GPA))
    assert leaves(events) == [
        "MEM.RANGE.BLOCK", "MEM.TRACK", "VP.ENTER", "MEM.PAGE.REMOVE", "PHYMEM.PAGE.WBINVD",
    ]  # fmt: skip
    assert entry_state(machine, SECRET_GPA) == 0
    assert machine.module.is_free(SECRET, 0)
    seen = observe(machine, "host", SECRET, PAGE)
    assert (seen.kind, seen.data) == ("readable", bytes(PAGE))
    assert observe(machine, "guest", SECRET, 64).kind == "refused"


def test_a_page_that_comes_back_is_pending_and_empty(machine):
    drive(machine, memory.remove(machine, SECRET_GPA))
    drive(machine, memory.add(machine, SECRET_GPA, SECRET))
    assert entry_state(machine, SECRET_GPA) == 2
    drive(machine, run.enter(machine, 0))
    kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=SECRET_GPA)
    assert entry_state(machine, SECRET_GPA) == 4
    assert observe(machine, "guest", SECRET, PAGE).data == bytes(PAGE)


def test_a_relocated_page_keeps_its_content_and_the_old_place_is_clean(machine):
    before = observe(machine, "guest", SECRET, PAGE).data
    target = memory.spare(machine)
    drive(machine, memory.relocate(machine, SECRET_GPA, target))
    assert observe(machine, "guest", target, PAGE).data == before != bytes(PAGE)
    assert observe(machine, "host", SECRET, PAGE).data == bytes(PAGE)
    events, _ = drive(machine, run.resume(machine, steps=200, trace=False))
    assert not [e for e in events if isinstance(e, TdBecameFatal)]
    assert machine.platform.lps[0].mode == "td"


def large_page(machine) -> int:
    """2 MiB of accepted memory; the guest is in afterwards."""
    page = memory.spare(machine, 1)
    drive(machine, memory.add(machine, TD_2M, page, 1))
    kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=TD_2M | 1)
    return page


def test_a_large_page_is_split_and_merged_without_losing_a_byte(machine):
    page = large_page(machine)
    children = kit.td(machine).tdr["CHLDCNT"]
    assert machine.module.page(page + 5 * PAGE).size == 1
    with_data = page + 7 * PAGE
    physical.write_physical(machine.platform, with_data, kit.td(machine).hkid, b"kept")
    drive(machine, memory.demote(machine, TD_2M))
    assert machine.module.page(page + 5 * PAGE).size == 0
    assert entry_state(machine, TD_2M + 5 * PAGE) == 4
    assert kit.td(machine).tdr["CHLDCNT"] == children + 1
    drive(machine, memory.promote(machine, TD_2M))
    assert machine.module.page(page + 5 * PAGE).size == 1
    assert entry_state(machine, TD_2M, 1) == 4
    assert kit.td(machine).tdr["CHLDCNT"] == children
    assert observe(machine, "guest", with_data, 4).data == b"kept"
    drive(machine, memory.remove(machine, TD_2M, 1))
    assert machine.module.is_free(page, 1)
    assert kit.td(machine).tdr["CHLDCNT"] == children - 512


def test_the_worked_example_of_the_epochs(machine):
    """Source: tdx-architecture 8.2: a vCPU that entered before BLOCK holds everything up."""
    gpa, tdcs = SECRET_GPA, kit.td(machine).tdcs
    epoch = tdcs["TD_EPOCH"]

    def asked(leaf: str, **regs: int) -> str:
        return kit.answer(kit.seamcall(machine, leaf, lp=1, **regs)).reason

    assert tdcs[f"REFCOUNT{epoch & 1}"] == 1
    assert not asked("TDH.MEM.RANGE.BLOCK", rcx=gpa, rdx=layout.TDR)
    assert machine.module.page(SECRET).bepoch == epoch
    assert not asked("TDH.MEM.TRACK", rcx=layout.TDR)
    assert "may still use" in asked("TDH.MEM.PAGE.REMOVE", rcx=gpa, rdx=layout.TDR)
    assert "make them exit" in asked("TDH.MEM.TRACK", rcx=layout.TDR)
    drive(machine, memory.kick(machine))
    assert not asked("TDH.MEM.PAGE.REMOVE", rcx=gpa, rdx=layout.TDR)


def test_a_stale_translation_lives_until_the_kick_and_not_longer(machine):
    """The TLB keeps working after BLOCK; the next entry flushes and the access exits."""
    run_on = machine.copy()
    rip = run_on.platform.lps[0].cpu.rip
    drive(machine, memory.shoot_down(machine, rip & -PAGE))
    run_on.do(Seamcall(rax=7, lp=1, rcx=rip & -PAGE, rdx=layout.TDR))
    events = run_on.do(RunGuest(lp=0, steps=1))
    assert not [e for e in events if isinstance(e, TdExited)]
    drive(machine, run.enter(machine, 0))
    events = machine.do(RunGuest(lp=0, steps=1))
    (exited,) = [e for e in events if isinstance(e, TdExited)]
    assert (exited.reason, machine.platform.lps[0].gprs[8]) == (48, rip & -PAGE)


def test_the_legacy_world_says_why_not():
    with pytest.raises(TdxvizError, match="TDX world"):
        drive(Machine("legacy"), memory.remove(Machine("legacy"), 0))


def test_the_guest_reaches_every_byte_of_a_large_page(machine):
    """One Secure EPT leaf of 2 MiB; the TLB keeps pieces of 4 KiB."""
    page = large_page(machine)
    lp = machine.platform.lps[0]
    ctx = running.translation(machine.state, lp)
    ctx.cpu = CpuState()  # paging off: linear addresses are guest-physical
    for offset in (0x12_3456, 0x1F_FFF8):
        path.store(machine.platform, lp, ctx, TD_2M + offset, b"far away"[:8])
        assert path.load(machine.platform, lp, ctx, TD_2M + offset, 8) == b"far away"
        assert observe(machine, "guest", page + offset, 8).data == b"far away"
        entry = lp.tlb.lookup(ctx.vpid, TD_2M + offset)
        assert (entry.hpa, entry.gpa) == ((page + offset) & -PAGE, (TD_2M + offset) & -PAGE)


def test_a_guest_that_touches_what_was_taken_and_never_accepts_is_left_alone(machine):
    """The honest host adds the page again; the guest finds it pending, and no host can accept it."""
    rip = machine.platform.lps[0].cpu.rip & -PAGE
    drive(machine, memory.remove(machine, rip))
    events, _ = drive(machine, run.resume(machine, steps=50, trace=False))
    assert leaves(events) == ["VP.ENTER", "MEM.PAGE.AUG", "VP.ENTER"]
    assert machine.platform.lps[0].mode == "host"
    assert machine.platform.lps[0].gprs[2] & 0xF == run.PENDING
    assert entry_state(machine, rip) == 2


def test_a_page_that_the_host_has_blocked_stops_the_guest_and_not_the_host(machine):
    rip = machine.platform.lps[0].cpu.rip & -PAGE
    drive(machine, memory.shoot_down(machine, rip))
    events, _ = drive(machine, run.resume(machine, steps=50, trace=False))
    assert leaves(events) == ["VP.ENTER", "MEM.PAGE.AUG"]
    assert entry_state(machine, rip) == 1
