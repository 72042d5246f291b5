"""Pages of every size: 512 of 2 MiB become one of 1 GiB and fall apart again."""

import pytest

from tdxviz.core.arch import status as s
from tdxviz.core.drive import drive
from tdxviz.core.host import boot, layout, memory
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.call import PAGE_SIZES
from tdxviz.core.units import GIB, MIB, PAGE
from tests.core.tdx import kit
from tests.core.tdx.cases import partitioned

GPA, HPA = 5 * GIB, 2 * GIB
TDR = layout.TDR


def asked(machine: Machine, leaf: str, **regs: int):
    answer = kit.answer(kit.seamcall(machine, leaf, **{"rdx": TDR, **regs}))
    assert (answer.status, answer.reason) == (0, "")
    return answer.outputs


@pytest.fixture(scope="module")
def gigabyte() -> Machine:
    """A TD in the making with a whole GiB of pending 2 MiB pages, in a machine of 4 GiB."""
    machine = Machine("ci", size=4 * GIB)
    drive(machine, boot.bring_up(4 * GIB))
    drive(machine, boot.create_td())
    drive(machine, memory.tables(machine, GPA, 1))
    for n in range(512):
        asked(machine, "TDH.MEM.PAGE.AUG", rcx=GPA + n * 2 * MIB | 1, r8=HPA + n * 2 * MIB)
    return machine


def kinds(machine: Machine) -> dict[int, int]:
    """Size -> entries of the PAMT that are guest pages."""
    sizes = [e.size for e in machine.module.pamt.values() if e.kind == "PT_REG"]
    return {size: sizes.count(size) for size in set(sizes)}


def test_a_gigabyte_is_merged_split_and_removed(gigabyte):
    machine, children = gigabyte.copy(), kit.td(gigabyte).tdr["CHLDCNT"]
    assert kinds(machine) == {1: 512}
    table = asked(machine, "TDH.MEM.PAGE.PROMOTE", rcx=GPA | 2)["RCX"]
    assert kinds(machine) == {2: 1}
    assert kit.td(machine).tdr["CHLDCNT"] == children - 1
    assert machine.module.is_free(table, 0)
    middle = asked(machine, "TDH.PHYMEM.PAGE.RDMD", rcx=HPA + 300 * MIB)
    assert (middle["RCX"], middle["RDX"], middle["R8"]) == (3, TDR, 2)
    entry = asked(machine, "TDH.MEM.SEPT.RD", rcx=GPA | 2)
    assert (entry["RCX"] & -GIB & (1 << 52) - 1, entry["RDX"]) == (HPA, 2 | 2 << 8)
    twin = machine.copy()
    asked(machine, "TDH.MEM.PAGE.DEMOTE", rcx=GPA | 2, r8=table)
    assert kinds(machine) == {1: 512}
    assert kit.td(machine).tdr["CHLDCNT"] == children
    asked(machine, "TDH.MEM.PAGE.DEMOTE", rcx=GPA + 6 * MIB | 1, r8=memory.spare(machine))
    assert kinds(machine) == {0: 512, 1: 511}
    assert asked(twin, "TDH.MEM.PAGE.REMOVE", rcx=GPA | 2)["RCX"] == HPA
    assert kit.td(twin).tdr["CHLDCNT"] == children - 1 - 512 * 512
    assert kinds(twin) == {}


def test_no_page_inside_a_larger_one_can_be_used_twice(gigabyte):
    machine = gigabyte.copy()
    inside = HPA + 3 * PAGE
    for leaf, regs in (
        ("TDH.MEM.PAGE.AUG", {"rcx": GPA + GIB}), ("TDH.MEM.SEPT.ADD", {"rcx": (GPA + GIB) | 2}),
    ):  # fmt: skip
        answer = kit.answer(kit.seamcall(machine, leaf, rdx=TDR, r8=inside, **regs))
        assert answer.status
    answer = kit.answer(kit.seamcall(machine, "TDH.VP.CREATE", rcx=inside, rdx=TDR))
    assert "is a PT_REG page" in answer.reason
    drive(machine, memory.tables(machine, 7 * GIB, 1))
    answer = kit.answer(kit.seamcall(machine, "TDH.MEM.PAGE.AUG", rcx=7 * GIB | 1, rdx=TDR, r8=HPA + 2 * MIB))
    assert "is not free" in answer.reason


def test_a_hole_or_another_state_among_the_children_forbids_merging(gigabyte):
    machine = gigabyte.copy()
    asked(machine, "TDH.MEM.PAGE.REMOVE", rcx=GPA + 4 * MIB | 1)
    answer = kit.answer(kit.seamcall(machine, "TDH.MEM.PAGE.PROMOTE", rcx=GPA | 2, rdx=TDR))
    assert "child 2 is FREE" in answer.reason
    assert PAGE_SIZES[2] == GIB
    asked(machine, "TDH.MEM.PAGE.AUG", rcx=GPA + 4 * MIB | 1, r8=3 * GIB)
    answer = kit.answer(kit.seamcall(machine, "TDH.MEM.PAGE.PROMOTE", rcx=GPA | 2, rdx=TDR))
    assert f"child 2 is PENDING at {3 * GIB:#x}" in answer.reason


def test_a_demotion_that_fails_leaves_the_l2_registers_alone():
    machine = kit.before("TDH.MEM.PAGE.DEMOTE")
    partitioned(2)(machine)
    call = kit.registers(kit.valid("TDH.MEM.PAGE.DEMOTE")) | {"rdx": layout.TDR | 1, "r9": 0x1000, "r10": 8}
    twin = machine.copy()
    kit.config(entropy=True)(twin)
    twin.platform.lps[1].pending_interrupt = 0x20
    refused = kit.answer(kit.seamcall(twin, "TDH.MEM.PAGE.DEMOTE", **call))
    assert s.name_of(refused.status) == "TDX_INTERRUPTED_RESTARTABLE"
    assert not {"R9", "R10", "R11"} & set(refused.outputs)
    done = kit.answer(kit.seamcall(machine, "TDH.MEM.PAGE.DEMOTE", **call))
    assert (done.status, done.outputs["R9"], done.outputs["R10"]) == (0, 1 << 63 | 0x1000, 1 << 63 | 8)
