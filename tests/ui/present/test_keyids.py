"""The KeyID table: everything out of the ordinary has its own row."""

from tdxviz.core.hw.cache import CacheLine
from tdxviz.core.units import with_keyid
from tdxviz.ui.present import keyids as present
from tdxviz.ui.present.questions import Questions


def rows(machine) -> dict[int, present.Row]:
    return {row.first: row for row in present.table(Questions(machine))}


def test_every_keyid_is_in_one_row(ready) -> None:
    found = present.table(Questions(ready("ci")))
    numbers = [n for row in found for n in range(row.first, row.last + 1)]
    assert numbers == list(range(64))


def test_the_td_has_its_key_on_both_packages(ready) -> None:
    machine = ready("ci")
    mine = next(row for row in rows(machine).values() if row.owner == "td_a")
    assert (mine.state, mine.life, mine.made) == ("HKID_ASSIGNED", "TD_KEYS_CONFIGURED", (True, True))
    assert mine.flush is None
    assert mine.tdr in machine.module.actors
    assert "key configured on package 0 and 1" in present.describe(tuple(rows(machine).values()))


def test_a_flushed_key_shows_where_the_caches_are_still_to_be_written_back(ready) -> None:
    machine = ready("ci")
    hkid = next(row.first for row in rows(machine).values() if row.owner == "td_a")
    machine.module.kot[hkid] = type(machine.module.kot[hkid])("HKID_FLUSHED", 0b10)
    row = rows(machine)[hkid]
    assert row.flush == (False, True)
    assert "still to be written back on package 1" in present.describe((row,))


def test_lines_left_behind_under_a_free_key_raise_an_alarm(ready) -> None:
    machine = ready("ci")
    machine.platform.cache.lines[with_keyid(0x41_0000, 50)] = CacheLine(bytes(64), True)
    row = rows(machine)[50]
    assert row.first == row.last == 50
    assert "1 dirty lines of its last owner" in row.alarm


def test_the_legacy_world_has_no_table(ready) -> None:
    assert present.table(Questions(ready("legacy"))) == ()
    assert "no TDX module" in present.describe(())
