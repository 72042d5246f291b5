"""PAMT entries have an address, and the memory there is the module's: whoever damages it stops TDX."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import (
    BusCapture,
    BusInject,
    DmaMap,
    DmaWrite,
    FlipBit,
    HostRead,
    HostWrite,
    RaiseInterrupt,
    RunGuest,
    Seamcall,
)
from tdxviz.core.drive import drive
from tdxviz.core.host import boot, layout, memory
from tdxviz.core.machine import Machine
from tdxviz.core.tdx import pamt
from tdxviz.core.units import GIB, LINE, MIB, PAGE, line_of

PAGE_OF_SECRET = layout.hpa_of(layout.symbol("password")) & -PAGE
TDMR_PAMTS = layout.PAMTS


def entry(machine, hpa, size=0):
    return pamt.entry_address(machine.module.tdmrs[0], hpa, size)


def call(machine, name, lp=1, **regs):
    return machine.do(Seamcall(rax=BY_NAME[name].number, lp=lp, **regs))


def shut(story):
    return [n.hpa for n in story if isinstance(n, e.MachineCheckRaised) and n.context == "module"]


def overwrite(machine, line):
    machine.do(HostWrite(hpa=line, data=bytes([0xCC]) * LINE, how="full-line"))


def test_an_entry_lies_where_the_tdmr_says(ready):
    machine = ready("ci")
    assert entry(machine, PAGE_OF_SECRET) == layout.PAMT_4K + PAGE_OF_SECRET // PAGE * 16
    assert entry(machine, 5 * MIB, 1) == layout.PAMT_2M + 2 * 16
    assert entry(machine, 5 * MIB, 2) == layout.PAMT_1G
    (last, size) = TDMR_PAMTS[2]
    assert entry(machine, GIB - PAGE) == last + size - 16


@pytest.mark.parametrize("world", ["li", "ci"])
def test_tdmr_init_writes_the_lines_under_the_modules_key(world):
    machine = Machine(world)
    drive(machine, boot.bring_up())
    for low, size in TDMR_PAMTS:
        for at in (low, low + min(size, 4 * MIB) - LINE):
            chips = machine.platform.memctl.probe(at)
            inside = low != layout.PAMT_1G or at == low
            inside = inside and (low != layout.PAMT_2M or at < low + 512 * 16)
            assert (chips.owner, at) == (inside, at)
            if inside:
                assert machine.platform.memctl.inspect(at, layout.GLOBAL_HKID).data == bytes(LINE)
                assert machine.platform.memctl.inspect(at, 0).rule == "owned-zeros"
    assert not machine.platform.memctl.probe(layout.PAMT_4K - LINE).owner
    assert not machine.platform.dram.disturbed


def test_the_first_leaf_that_needs_the_entry_stops_tdx_for_all(ready):
    machine = ready("ci")
    line = line_of(entry(machine, PAGE_OF_SECRET))
    overwrite(machine, line)
    other = PAGE_OF_SECRET + 8 * PAGE  # its entry lies two lines on
    assert shut(call(machine, "TDH.PHYMEM.PAGE.RDMD", rcx=other)) == []
    assert shut(call(machine, "TDH.PHYMEM.PAGE.RDMD", rcx=PAGE_OF_SECRET)) == [line]
    (gone,) = call(machine, "TDH.SYS.INFO", lp=3)
    assert (type(gone), gone.how) == (e.SeamcallFailed, "VMfailInvalid")


def test_neighbours_share_a_line(ready):
    machine = ready("li")
    line = line_of(entry(machine, PAGE_OF_SECRET))
    overwrite(machine, line)
    first = (line - layout.PAMT_4K) // 16 * PAGE
    for page in range(first, first + 4 * PAGE, PAGE):
        assert shut(call(machine.copy(), "TDH.PHYMEM.PAGE.RDMD", rcx=page)) == [line]
    for page in (first - PAGE, first + 4 * PAGE):
        assert shut(call(machine.copy(), "TDH.PHYMEM.PAGE.RDMD", rcx=page)) == []


@pytest.mark.parametrize("size", [1, 2])
def test_the_walk_reads_the_larger_entries_first(ready, size):
    machine = ready("ci")
    line = line_of(entry(machine, PAGE_OF_SECRET, size))
    overwrite(machine, line)
    assert shut(call(machine, "TDH.MEM.TRACK", rcx=layout.TDR)) == [line]


def test_the_exit_of_a_td_needs_its_locks(ready):
    """A TD that runs notices nothing; its exit releases locks that lie in the entries."""
    machine = ready("ci")
    line = line_of(entry(machine, layout.TDVPR))
    overwrite(machine, line)
    assert shut(machine.do(RunGuest(steps=20))) == []
    machine.do(RaiseInterrupt(lp=0))
    assert shut(machine.do(RunGuest(steps=1))) == [line]
    assert machine.platform.lps[0].mode == "host" and machine.module.dead


@pytest.mark.parametrize(
    ("name", "page", "regs"),
    [
        ("TDH.MEM.PAGE.AUG", layout.SPARE, {"rcx": 0x8000_B000, "rdx": layout.TDR, "r8": layout.SPARE}),
        ("TDH.PHYMEM.PAGE.RECLAIM", PAGE_OF_SECRET, {"rcx": PAGE_OF_SECRET}),
        ("TDH.MEM.SEPT.ADD", layout.SPARE, {"rcx": 0x4000_0002, "rdx": layout.TDR, "r8": layout.SPARE}),
        ("TDH.MNG.CREATE", layout.SPARE, {"rcx": layout.SPARE, "rdx": 0x22}),
        ("TDH.VP.RD", layout.TDVPR, {"rcx": layout.TDVPR}),
        ("TDH.MR.FINALIZE", layout.TDR, {"rcx": layout.TDR}),
    ],
)
def test_every_leaf_that_uses_a_page_meets_its_entry(ready, name, page, regs):
    machine = ready("ci")
    assert shut(call(machine.copy(), name, **regs)) == []
    line = line_of(entry(machine, page))
    overwrite(machine, line)
    assert shut(call(machine, name, **regs)) == [line]


def test_removing_a_page_meets_the_entry_of_the_page_that_is_mapped(ready):
    machine = ready("ci")
    drive(machine, memory.shoot_down(machine, layout.symbol("password") & -PAGE))
    line = line_of(entry(machine, PAGE_OF_SECRET))
    overwrite(machine, line)
    regs = {"rcx": layout.symbol("password") & -PAGE, "rdx": layout.TDR}
    assert shut(call(machine, "TDH.MEM.PAGE.REMOVE", **regs)) == [line]


def damage_by_dma(machine, line):
    machine.do(DmaMap(iova=0x7000_0000, hpa=line & -PAGE))
    machine.do(DmaWrite(iova=0x7000_0000 + line % PAGE, data=b"\xcc" * 8))


def damage_by_part(machine, line):
    machine.do(HostWrite(hpa=line, data=b"\xcc" * 8, how="partial"))


def damage_by_bit(machine, line):
    machine.do(FlipBit(hpa=line, bit=100))


@pytest.mark.parametrize("damage", [damage_by_dma, damage_by_part, damage_by_bit])
@pytest.mark.parametrize("world", ["li", "ci"])
def test_whatever_damages_the_line_ends_tdx(ready, world, damage):
    machine = ready(world)
    line = line_of(entry(machine, PAGE_OF_SECRET))
    damage(machine, line)
    story = call(machine, "TDH.PHYMEM.PAGE.RDMD", rcx=PAGE_OF_SECRET)
    assert machine.module.dead
    unseen = world == "li" and damage is damage_by_bit  # no MAC: the module reads nonsense instead
    assert (shut(story) == []) == unseen
    (failed,) = [n for n in story if isinstance(n, e.SeamcallFailed)]
    assert ("none that the module wrote" in failed.why) == unseen


def test_looking_at_it_and_putting_it_back_harms_nothing(ready):
    machine = ready("ci")
    line = line_of(entry(machine, PAGE_OF_SECRET))
    (seen,) = [n for n in machine.do(HostRead(hpa=line, size=LINE)) if isinstance(n, e.HostLoaded)]
    assert (seen.data, seen.rule) == (bytes(LINE), "owned-zeros")
    machine.do(BusCapture(hpa=line))
    machine.do(BusInject(hpa=line))
    assert machine.platform.dram.disturbed
    assert shut(call(machine, "TDH.PHYMEM.PAGE.RDMD", rcx=PAGE_OF_SECRET)) == []


def test_what_the_host_left_there_before_is_gone_after_tdmr_init():
    machine = Machine("ci")
    line = layout.PAMT_4K + 0x4000
    overwrite(machine, line)
    drive(machine, boot.bring_up())
    assert machine.platform.memctl.probe(line).owner
    assert shut(call(machine, "TDH.PHYMEM.PAGE.RDMD", rcx=0x4000 // 16 * PAGE)) == []


def test_a_machine_with_two_tdmrs():
    machine = Machine("ci", size=3 * GIB)
    drive(machine, boot.bring_up(3 * GIB))
    second = machine.module.tdmrs[1]
    at = pamt.entry_address(second, 2 * GIB + 5 * PAGE, 0)
    assert at == second.pamts[2][0] + (GIB // PAGE + 5) * 16
    assert machine.platform.memctl.probe(line_of(at)).owner
    overwrite(machine, line_of(at))
    twin = machine.copy()
    assert twin.fingerprint() == machine.fingerprint()
    assert shut(call(twin, "TDH.PHYMEM.PAGE.RDMD", rcx=2 * GIB + 5 * PAGE)) == [line_of(at)]
