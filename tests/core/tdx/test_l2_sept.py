"""Tables for L2 VMs: a host builds them beside its own and takes them away again."""

import pytest

from tdxviz.core.arch import status as s
from tdxviz.core.commands import Seamcall
from tdxviz.core.host import layout
from tests.core.tdx import kit
from tests.core.tdx.cases import partitioned
from tests.core.tdx.checks_mem_range import kick

TDR, NONE, LP = layout.TDR, (1 << 64) - 1, 1
REGION = 5 << 39
"""A GPA for which the TD has no tables at all."""
PAGES = [kit.FREE_PAGE + 0x10_0000 + n * 0x1000 for n in range(12)]


def add(machine, level: int, *pages: int, version: int = 1, existing: int = 0):
    registers = dict(zip(("r8", "r9", "r10", "r11"), (*pages, NONE, NONE, NONE), strict=False))
    rcx = REGION | level
    return kit.answer(
        kit.seamcall(
            machine, "TDH.MEM.SEPT.ADD", version=version, rcx=rcx, rdx=TDR | existing, lp=LP, **registers
        )
    )


def told(returned) -> tuple[int, ...]:
    return tuple(returned.outputs[name] for name in ("R8", "R9", "R10", "R11"))


def kinds(machine) -> list[str]:
    return [machine.module.page(page).kind for page in PAGES]


def other(machine, leaf: str, level: int, **how: int):
    regs = {"rcx": REGION | level, "rdx": TDR, "lp": LP} | how
    version = regs.pop("version", 0)
    return kit.answer(kit.seamcall(machine, leaf, version=version, **regs))


@pytest.fixture(scope="module")
def base():
    machine = kit.before("running")
    kick(machine)
    partitioned(2)(machine)
    return machine


@pytest.fixture
def machine(base):
    return base.copy()


@pytest.fixture(scope="module")
def tables(base):
    """Three levels of tables for the L1 VMM and for L2 VM 1."""
    machine = base.copy()
    for level, at in ((3, 0), (2, 2), (1, 4)):
        returned = add(machine, level, PAGES[at], PAGES[at + 1])
        assert (returned.status, told(returned)) == (0, (NONE,) * 4)
    return machine


def test_version_1_without_l2_pages_does_what_version_0_does(machine):
    twin = machine.copy()
    one, zero = add(machine, 3, PAGES[0]), add(twin, 3, PAGES[0], version=0)
    assert (one.status, zero.status) == (0, 0)
    assert told(one) == (NONE,) * 4
    assert set(zero.outputs) == {"RAX", "RCX", "RDX"}
    assert kit.essence(machine) == kit.essence(twin)


@pytest.mark.parametrize("version", [0, 1])
def test_bit_63_of_a_page_is_ignored(machine, version):
    assert add(machine, 3, PAGES[0] | 1 << 63, version=version).status == 0
    assert kinds(machine)[0] == "PT_EPT"


def test_a_page_that_was_not_needed_comes_back_marked(tables):
    machine = tables.copy()
    returned = add(machine, 3, PAGES[6], PAGES[7], existing=1)
    assert (returned.status, told(returned)) == (0, (PAGES[6] | 1 << 63, PAGES[7] | 1 << 63, NONE, NONE))
    refused = add(machine, 3, PAGES[6], PAGES[7])
    assert s.name_of(refused.status) == "TDX_EPT_ENTRY_STATE_INCORRECT"
    assert told(refused) == (PAGES[6], PAGES[7], NONE, NONE)
    assert kinds(machine)[6:8] == ["PT_NDA"] * 2


def test_a_table_for_an_l2_vm_needs_one_of_the_l1_vmm(machine):
    refused = add(machine, 3, NONE, PAGES[0])
    assert (s.name_of(refused.status), refused.passed) == ("TDX_EPT_ENTRY_STATE_INCORRECT", 18)
    assert refused.outputs["RCX"] == 1 << 63


def test_an_interruption_leaves_what_was_done_and_the_call_goes_on(machine):
    children = kit.td(machine).tdr["CHLDCNT"]
    machine.platform.lps[LP].pending_interrupt = 0x20
    pages, answers = PAGES[:3], []
    given = tuple(pages)
    while True:
        returned = add(machine, 3, *given)
        answers.append(s.name_of(returned.status))
        given = told(returned)
        if returned.status == 0:
            break
        assert (returned.outputs["RCX"], returned.outputs["RDX"]) == (REGION | 3, TDR)
    assert answers == ["TDX_INTERRUPTED_RESUMABLE"] * 2 + ["TDX_SUCCESS"]
    assert kinds(machine)[:3] == ["PT_EPT"] * 3
    assert kit.td(machine).tdr["CHLDCNT"] == children + 3


def test_sept_remove_takes_the_tables_of_l2_vms_too(tables):
    machine = tables.copy()
    children = kit.td(machine).tdr["CHLDCNT"]
    assert other(machine, "TDH.MEM.RANGE.BLOCK", 1).status == 0
    assert other(machine, "TDH.MEM.TRACK", 1, rcx=TDR).status == 0
    removed = other(machine, "TDH.MEM.SEPT.REMOVE", 1, version=1)
    assert (removed.status, removed.outputs["RCX"]) == (0, PAGES[4])
    assert [removed.outputs[name] for name in ("R9", "R10", "R11")] == [PAGES[5], NONE, NONE]
    assert kinds(machine)[4:6] == ["PT_NDA"] * 2
    assert kit.td(machine).tdr["CHLDCNT"] == children - 2
    again = add(machine, 1, PAGES[4], PAGES[5])
    assert (again.status, told(again)) == (0, (NONE,) * 4)


def test_a_table_of_an_l2_vm_that_is_in_use_keeps_its_l1_table(tables):
    machine = tables.copy()
    other(machine, "TDH.MEM.RANGE.BLOCK", 1)
    other(machine, "TDH.MEM.TRACK", 1, rcx=TDR)
    machine.do(Seamcall(rax=24, rcx=PAGES[5], lp=2, hold=3))
    before = kit.essence(machine)
    refused = other(machine, "TDH.MEM.SEPT.REMOVE", 1)
    assert refused.status == s.with_operand("TDX_OPERAND_BUSY", "RCX")
    assert kit.essence(machine) == before


def test_block_and_unblock_keep_the_alias(tables):
    machine = tables.copy()
    other(machine, "TDH.MEM.RANGE.BLOCK", 1)
    other(machine, "TDH.MEM.TRACK", 1, rcx=TDR)
    assert other(machine, "TDH.MEM.RANGE.UNBLOCK", 1).status == 0
    before = other(machine, "TDH.MEM.SEPT.RD", 1)
    assert before.outputs["RCX"] == 7
    refused = add(machine, 1, NONE, PAGES[6])
    assert s.name_of(refused.status) == "TDX_L2_SEPT_ENTRY_NOT_FREE"


def test_demote_gives_l2_vms_a_table_and_promote_takes_it_back(tables):
    machine = tables.copy()
    other(machine, "TDH.MEM.RANGE.BLOCK", 1)
    other(machine, "TDH.MEM.TRACK", 1, rcx=TDR)
    assert other(machine, "TDH.MEM.SEPT.REMOVE", 1).status == 0
    assert other(machine, "TDH.MEM.PAGE.AUG", 1, r8=kit.FREE_PAGE + 0x40_0000).status == 0
    other(machine, "TDH.MEM.RANGE.BLOCK", 1)
    other(machine, "TDH.MEM.TRACK", 1, rcx=TDR)
    split = other(machine, "TDH.MEM.PAGE.DEMOTE", 1, r8=PAGES[4], r9=PAGES[5] | 1 << 63, r10=NONE)
    assert split.status == 0
    assert kinds(machine)[4:6] == ["PT_EPT"] * 2
    other(machine, "TDH.MEM.RANGE.BLOCK", 1)
    other(machine, "TDH.MEM.TRACK", 1, rcx=TDR)
    merged = other(machine, "TDH.MEM.PAGE.PROMOTE", 1, version=1)
    assert (merged.status, merged.outputs["RCX"], merged.outputs["R9"]) == (0, PAGES[4], PAGES[5])
    assert kinds(machine)[4:6] == ["PT_NDA"] * 2


def test_the_guest_is_told_that_pages_of_l2_vms_are_not_modelled(tables):
    machine = tables.copy()
    kit.tdcs_field("NUM_L2_VMS", 0)(machine)  # the vCPU has no pages for L2 VMs
    machine.do(Seamcall(rax=0, rcx=layout.TDVPR))
    kit.tdcs_field("NUM_L2_VMS", 2)(machine)
    assert other(machine, "TDH.MEM.PAGE.AUG", 0, r8=PAGES[8]).status == 0
    assert kit.answer(kit.tdcall(machine, "TDG.MEM.PAGE.ACCEPT", rcx=REGION)).status == 0
    returned = kit.answer(
        kit.tdcall(machine, "TDG.MEM.PAGE.ATTR.WR", rcx=REGION, rdx=0x8001 << 16, r8=0xFFFF << 16)
    )
    assert "not modelled yet in tdxviz" in returned.reason
