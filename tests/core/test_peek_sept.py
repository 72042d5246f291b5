"""The whole Secure EPT as the module wrote it, read without a trace."""

from tdxviz.core import commands as c
from tdxviz.core import peek_sept
from tdxviz.core.arch import sept
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.units import PAGE


def test_every_private_page_is_found_through_the_tables(ready) -> None:
    machine = ready("ci")
    before = machine.fingerprint()
    found = peek_sept.leaves(machine)
    private = {hpa for hpa, entry in machine.module.pamt.items() if entry.kind == "PT_REG"}
    assert set(found) == private
    assert {actor for actor, _ in found.values()} == {"td-a"}
    assert machine.fingerprint() == before


def test_parents_come_before_children_and_cover_them(ready) -> None:
    machine = ready("ci")
    td = peek_sept.guests(machine)[0]
    rows = list(peek_sept.entries(machine, td))
    tables = {td.sept_root: (peek_sept.TOP, 0)}
    for entry in rows:
        table = entry.address & -PAGE
        level, base = tables[table]
        assert entry.level == level
        assert base <= entry.gpa < base + (512 << 12 + 9 * level)
        if entry.is_table:
            tables[entry.hpa] = (level - 1, entry.gpa)
    pages = {hpa for hpa, entry in machine.module.pamt.items() if entry.kind == "PT_EPT"}
    assert set(tables) - {td.sept_root} == pages


def test_entries_say_what_the_module_calls_them(ready) -> None:
    machine = ready("ci")
    td = peek_sept.guests(machine)[0]
    states = {entry.state for entry in peek_sept.entries(machine, td)}
    assert states == {"NL_MAPPED", "MAPPED"}
    row = peek_sept.Entry(0, 3, 0x3000, 0x100018, sept.make_entry("PENDING", 0x41_3000), "PENDING")
    assert (row.is_leaf, row.is_table, row.hpa) == (True, False, 0x41_3000)
    removed = peek_sept.Entry(0, 3, 0x3000, 0x100018, sept.make_entry("REMOVED"), "REMOVED")
    assert (removed.is_leaf, removed.hpa) == (False, 0)


def test_a_large_page_is_one_leaf_for_all_that_lies_in_it(ready) -> None:
    machine = ready("ci")
    machine.do(
        c.Seamcall(
            rax=BY_NAME["TDH.MEM.PAGE.AUG"].number, lp=1, rcx=0x8020_0001, rdx=0x60_0000, r8=0x100_0000
        )
    )
    found = peek_sept.leaves(machine)
    actor, entry = found[0x100_0000]
    assert (actor, entry.level, entry.state) == ("td-a", 1, "PENDING")
    assert peek_sept.leaf_of(found, 0x100_3000) == peek_sept.leaf_of(found, 0x11F_F000) == (actor, entry)
    assert peek_sept.leaf_of(found, 0x120_0000) is None
    assert peek_sept.leaf_of(found, 0x41_3000) == found[0x41_3000]
    assert peek_sept.leaf_of(found, 0x60_0000) is None


def test_without_a_module_there_is_nothing(ready) -> None:
    assert peek_sept.leaves(ready("legacy")) == {}
