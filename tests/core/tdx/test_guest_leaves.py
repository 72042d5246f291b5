"""TDCALL leaves by what they do; their refusals are in test_checks."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import registers as r
from tdxviz.core.arch import status as s
from tdxviz.core.commands import Proceed, Tdcall
from tdxviz.core.faults import Intercept
from tdxviz.core.tdx import guest_side
from tests.core.tdx import kit

ALL = (1 << 64) - 1


@pytest.fixture(scope="module")
def running():
    return kit.before("running")


def cpuid(machine, leaf: int) -> list[str]:
    machine.platform.lps[0].cpu.gprs[r.RAX] = leaf
    machine._news = []
    guest_side.guest_intercept(machine.platform, machine.module, 0, Intercept("CPUID", 2))
    return [type(event).__name__ for event in machine._news]


def test_cpuidve_turns_every_cpuid_of_that_privilege_into_ve(running):
    machine = running.copy()
    assert cpuid(machine, 0) == ["CpuidAnswered"]
    kit.tdcall(machine, "TDG.VP.CPUIDVE.SET", rcx=2)
    assert cpuid(machine, 0) == ["CpuidAnswered"]  # this guest runs at CPL 0
    kit.tdcall(machine, "TDG.VP.CPUIDVE.SET", rcx=1)
    assert cpuid(machine, 0) == ["VeInjected"]
    assert kit.answer(kit.tdcall(machine, "TDG.VP.VEINFO.GET")).outputs["RCX"] == 10
    assert kit.answer(kit.tdcall(machine, "TDG.VP.VEINFO.GET")).status  # it was fetched and cleared


def test_the_guest_turns_pending_ve_off_only_if_the_td_was_made_for_it(running):
    machine = running.copy()
    kit.tdcs_field("TD_CTLS", 0)(machine)
    write = {"rcx": 0, "rdx": md.named("TD_CTLS").id, "r8": 1, "r9": ALL}
    assert kit.answer(kit.tdcall(machine, "TDG.VM.WR", **write)).status
    kit.tdcs_field("CONFIG_FLAGS", 2)(machine)  # FLEXIBLE_PENDING_VE
    assert kit.answer(kit.tdcall(machine, "TDG.VM.WR", **write)).status == 0
    assert kit.td(machine).tdcs["TD_CTLS"] == 1


def test_the_guest_reads_what_it_may(running):
    machine = running.copy()
    for row in md.TD_FIELDS:
        returned = kit.answer(kit.tdcall(machine, "TDG.VM.RD", rcx=0, rdx=row.element_id(0)))
        assert bool(returned.status) != bool(row.guest.read), row.name


def test_tdcall_with_raw_registers_keeps_those_that_are_not_named(running):
    machine = running.copy()
    before = machine.platform.lps[0].cpu.copy()
    events = machine.do(Tdcall(rax=1, rbx=0x77))
    assert [n.name for n in events if isinstance(n, e.LeafReturned)] == ["TDG.VP.INFO"]
    cpu = machine.platform.lps[0].cpu
    assert (cpu.gprs[r.RBX], cpu.gprs[r.RSI], cpu.rip) == (0x77, before.gprs[r.RSI], before.rip)


def test_a_field_that_somebody_else_changes_meanwhile_is_busy(running):
    machine = running.copy()
    write = {"rcx": 0, "rdx": md.named("NOTIFY_ENABLES").id, "r8": 1, "r9": ALL}
    assert isinstance(machine.do(Tdcall(rax=8, hold=4, **write))[-1], e.SeamcallHeld)
    alone = machine.copy()
    assert kit.answer(alone.do(Proceed(lp=0))).status == 0
    kit.tdcs_field("NOTIFY_ENABLES", 1)(machine)
    refused = kit.answer(machine.do(Proceed(lp=0)))
    assert refused.status == s.with_operand("TDX_OPERAND_BUSY", "METADATA_FIELD")
    assert (refused.passed, refused.outputs["R8"]) == (4, 0)
