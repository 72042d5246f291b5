"""Peeking disturbs nothing, and tells the same as the machine's own structures."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import peek, peek_sept, peek_walk
from tdxviz.core.events import PamtChanged
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.module import PamtEntry
from tdxviz.core.units import LINE, MIB, PAGE
from tests.core.tdx import kit

WORLDS = ("legacy", "li", "ci")
PAGES = (0, layout.TDR, layout.TDCX, layout.TDVPR, layout.TABLES, layout.PRIVATE, layout.hpa_of(layout.symbol("password")) & -PAGE,
         layout.SOURCE_PAGES, layout.PAMT_4K, 0x0F00_0000, 0x0300_0000, 256 * MIB - PAGE)  # fmt: skip
GPAS = (0, layout.GUEST_BASE, layout.GUEST_BASE + 0xA000, layout.RESET_GPA, 0x4000_0000, 1 << 47, 1 << 46)


def damaged(machine):
    for page in PAGES:
        machine.do(c.FlipBit(hpa=page, bit=9))
        machine.do(c.FlipBit(hpa=page + LINE, field="owner"))


STATES = {
    "fresh": lambda m: None,
    "ready": lambda m: None,
    "left": lambda m: [m.do(x) for x in (c.RaiseInterrupt(), c.RunGuest(steps=1))],
    "damaged": damaged,
    "off": lambda m: m.do(c.DumpDimm(hpa=0)),
    "frozen": lambda m: m.do(c.RunGuest(steps=9), stop_after=5),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("state", STATES)
def test_peeking_never_changes_the_fingerprint(ready, world, state):
    machine = Machine(world) if state == "fresh" else ready(world)
    STATES[state](machine)
    before = machine.fingerprint()
    assert len(peek.page_map(machine)) == machine.platform.size // PAGE
    for hpa in PAGES:
        assert peek.page_info(machine, hpa + 7).hpa == hpa
        assert len(peek.page_lines(machine, hpa)) == 64
        assert peek.line_detail(machine, hpa + 70).hpa == hpa + 64
    for gpa in GPAS:
        peek.walk(machine, gpa)
    for lp in range(4):
        peek.tlb(machine, lp)
        assert len(peek.host_registers(machine, lp)) == 16
    peek.keys(machine)
    peek.epochs(machine)
    peek.vcpu(machine)
    peek.disassembly(machine)
    peek.symbols(machine)
    assert machine.fingerprint() == before


@pytest.mark.parametrize("world", ["li", "ci"])
def test_pages_of_a_td(ready, world):
    machine = ready(world)
    password = layout.hpa_of(layout.symbol("password"))
    info = peek.page_info(machine, password)
    assert (info.owner, info.kind, info.hkid, info.sept_state) == ("td_a", "PT_REG", 0x21, "MAPPED")
    assert info.gpa == layout.symbol("password") & -PAGE
    roles = {layout.TDR: "PT_TDR", layout.TDCX: "PT_TDCX", layout.TDVPR: "PT_TDVPR", layout.TABLES: "PT_EPT"}
    for page, kind in roles.items():
        assert (peek.page_info(machine, page).owner, peek.page_info(machine, page).kind) == ("meta", kind)
    assert peek.page_info(machine, layout.SOURCE_PAGES).owner == "host"
    assert peek.page_info(machine, 0x0F00_0000).owner == "module"


def test_pages_of_an_ordinary_vm(ready):
    machine = ready("legacy")
    info = peek.page_info(machine, layout.PRIVATE)
    assert (info.owner, info.gpa, info.hkid) == ("legacy", layout.GUEST_BASE, None)


@pytest.mark.parametrize("world", WORLDS)
def test_a_walk_ends_where_the_guest_reads(ready, world):
    machine = ready(world)
    found = peek.walk(machine, layout.GUEST_BASE + 0x123)
    assert found.hpa == layout.PRIVATE + 0x123
    assert [s.level for s in found.steps] == [3, 2, 1, 0]
    assert found.table == ("ept" if world == "legacy" else "sept")
    assert found.owner_ok == (world != "legacy")
    nowhere = peek.walk(machine, 0x4000_0000)
    assert (nowhere.hpa, nowhere.perms) == (None, "---")


@pytest.mark.parametrize("world", WORLDS)
def test_the_tlb_rows_and_the_stale_mark(ready, world):
    machine = ready(world)
    rows = peek.tlb(machine, 0)
    assert rows and all(row.state == "ok" and row.valid for row in rows)
    assert {row.actor for row in rows} == {"vm-a" if world == "legacy" else "td-a"}
    if world == "legacy":
        row = rows[0]
        machine.do(c.VmMap(gpa=row.gpa, hpa=0x70_0000, tables=0x71_0000))
        assert next(r for r in peek.tlb(machine, 0) if r.gla == row.gla).state == "stale"


@pytest.mark.parametrize("world", WORLDS)
def test_registers_are_found_wherever_they_are(ready, world):
    machine = ready(world)
    inside = peek.vcpu(machine)
    assert (inside.running_on, inside.rip) == (0, layout.symbol("ready"))
    machine.do(c.RaiseInterrupt())
    machine.do(c.RunGuest(steps=1))
    outside = peek.vcpu(machine)
    assert outside.running_on is None
    assert (outside.gprs, outside.rip, outside.cr3, outside.rflags) == (
        inside.gprs,
        inside.rip,
        inside.cr3,
        inside.rflags,
    )
    assert peek.vcpu(machine, "td-z").where == "no such guest"


def test_disassembly_marks_the_next_instruction(ready):
    rows = peek.disassembly(ready("ci"))
    assert [row[0] for row in rows if row[3]] == [layout.symbol("ready")]
    assert len(rows) > 3


def test_keys_and_epochs(ready):
    machine = ready("ci")
    rows = {row.hkid: row for row in peek.keys(machine)}
    assert (rows[0x20].state, rows[0x20].owner, rows[0x20].configured) == ("HKID_RESERVED", "module", True)
    assert (rows[0x21].state, rows[0x21].owner) == ("HKID_ASSIGNED", "td-a")
    assert not rows[0x22].configured
    assert peek.epochs(machine) == peek.EpochInfo(1, 0, 1)
    assert peek.keys(ready("legacy")) == ()
    assert peek.epochs(ready("legacy")) is None


def test_line_detail_tells_macs_in_ci_only(ready):
    for world, known in (("ci", True), ("li", False), ("legacy", False)):
        machine = ready(world)
        at = layout.hpa_of(layout.symbol("password")) & -LINE
        detail = peek.line_detail(machine, at)
        assert (detail.mac_stored is not None) == known
        assert detail.mac_stored == detail.mac_expected
        assert detail.owner_bit == (world != "legacy")
        assert detail.caption


def test_answers_from_ownership_follow_every_change_and_every_copy():
    machine = kit.before("TDH.MEM.PAGE.AUG")
    first = peek.page_map(machine)
    assert peek.page_map(machine) is first
    fresh = next(n for n, code in enumerate(first) if code == peek.FREE) * PAGE
    twin = machine.copy()
    assert peek.page_map(twin) is first
    machine.do(c.HostWrite(hpa=fresh, data=bytes(LINE), how="full-line"))
    assert peek.page_map(machine)[fresh // PAGE] == peek.HOST
    assert peek.page_map(twin) is first
    events = twin.do(kit.valid("TDH.MEM.PAGE.AUG"))
    page = next(n.hpa for n in events if isinstance(n, PamtChanged))
    assert peek.page_map(twin)[page // PAGE] == peek.TD_A
    assert peek.page_map(machine)[page // PAGE] != peek.TD_A


def test_the_index_of_vcpus_is_what_the_pamt_says():
    for machine, _ in kit.stages().before.values():
        pamt = machine.module.pamt
        assert machine.module.vcpus == {at: e.owner for at, e in pamt.items() if e.kind == "PT_TDVPR"}
    torn = kit.before("TDH.VP.CREATE")
    torn.do(kit.valid("TDH.VP.CREATE"))
    (page,) = torn.module.vcpus
    torn.module.set_page(page, PamtEntry("PT_NDA"))
    assert torn.module.vcpus == {}


@pytest.mark.parametrize("hpa", [layout.MORE_PRIVATE, 0])
def test_a_page_is_found_where_the_secure_ept_maps_it_wherever_it_lies(hpa):
    machine = kit.before("running")
    (td,) = peek_sept.guests(machine)
    mapped = {at: entry for at, (_, entry) in peek_sept.leaves(machine).items()}
    for at, entry in mapped.items():
        assert peek_walk.gpa_of(machine, td, at) == (entry.gpa, entry.state)
    assert peek_walk.gpa_of(machine, td, hpa) == (None, "") or hpa in mapped
