"""The module's bookkeeping, read from where it lies."""

from tdxviz.core import commands as c
from tdxviz.core import peek_module
from tdxviz.core.units import with_keyid


def test_a_running_td(ready) -> None:
    machine = ready("ci")
    before = machine.fingerprint()
    (td,) = peek_module.td_rows(machine)
    assert (td.actor, td.lifecycle, td.op_state) == ("td-a", "TD_KEYS_CONFIGURED", "RUNNABLE")
    assert (td.fatal, td.debug, td.packages) == (False, False, 0b11)
    (vcpu,) = td.vcpus
    assert vcpu.runs_on == 0
    assert vcpu.assoc == 0
    assert vcpu.epoch == td.epoch
    assert td.refcounts[td.epoch % 2] == 1
    assert machine.fingerprint() == before


def test_an_exited_vcpu_is_ready_and_counted_no_more(ready) -> None:
    machine = ready("ci")
    machine.do(c.RaiseInterrupt(lp=0))
    machine.do(c.RunGuest(lp=0, steps=5))
    (td,) = peek_module.td_rows(machine)
    assert td.vcpus[0].state == "READY"
    assert td.vcpus[0].runs_on is None
    assert td.refcounts == (0, 0)


def test_key_ids(ready) -> None:
    machine = ready("ci")
    rows = {row.hkid: row for row in peek_module.key_ids(machine)}
    assert len(rows) == 64
    assert (rows[0].state, rows[0].owner, rows[0].key) == ("TME", "host", True)
    assert (rows[1].state, rows[1].key) == ("shared", False)
    (td,) = peek_module.td_rows(machine)
    mine = rows[td.hkid]
    assert (mine.state, mine.owner, mine.packages, mine.flush) == ("HKID_ASSIGNED", "td-a", 0b11, 0)
    tags = [tag for tag in machine.platform.cache.lines if tag >= with_keyid(0, td.hkid)]
    assert 0 < mine.lines == sum(tag < with_keyid(0, td.hkid + 1) for tag in tags)
    assert mine.dirty <= mine.lines
    reserved = rows[machine.module.global_hkid]
    assert (reserved.state, reserved.owner, reserved.packages) == ("HKID_RESERVED", "module", 0b11)


def test_without_a_module_there_is_nothing(ready) -> None:
    machine = ready("legacy")
    assert peek_module.td_rows(machine) == peek_module.key_ids(machine) == ()


def test_a_damaged_tdr_is_unreadable_and_raises_nothing(ready) -> None:
    machine = ready("ci")
    tdr = next(iter(machine.module.actors))
    machine.platform.cache.clear()
    machine.do(c.FlipBit(hpa=tdr, bit=70))
    (td,) = peek_module.td_rows(machine)
    assert td.lifecycle in (peek_module.UNREADABLE, "TD_HKID_ASSIGNED")
