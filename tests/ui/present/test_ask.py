"""Ask: one question, one answer, and nothing in the machine changes."""

from types import SimpleNamespace as Row

from tdxviz.ui.present.ask import PICTURE, SECRET, Ask, same_instant
from tests.ui import stage_kit as kit


def test_answers_are_remembered_and_disturb_nothing():
    machine = kit.bridge().moment.machine
    before = machine.fingerprint()
    ask = Ask(machine)
    assert ask.line(SECRET) is ask.line(SECRET)
    assert ask.page(SECRET) is ask.page(SECRET + 100)
    assert ask.tlb(0) is ask.tlb(0)
    assert ask.vcpu().actor == "td-a"
    assert ask.walk(0x8000_3000).hpa == 0x413000
    assert ask.seen("guest", SECRET, 11).data == b"my password"
    assert len(ask.disassembly(6)) <= 6
    assert any(row.owner == "td-a" for row in ask.key_rows())
    assert machine.fingerprint() == before


def test_the_palette_is_numbers():
    palette = Ask(kit.bridge().moment.machine).palette()
    assert len(palette) == 16
    assert all(0 <= colour <= 0xFFFFFF for colour in palette)


def test_the_picture_is_where_the_vault_keeps_it():
    seen = Ask(kit.bridge().moment.machine).seen("guest", PICTURE, 4096)
    assert max(seen.data) < 16
    assert len(set(seen.data)) > 4


HERE = {"depth": None, "instruction": 5, "instructions": 8}


def test_moments_that_differ_only_in_hovering_are_the_same_instant():
    events = []
    one = Row(index=3, total=9, focus=1, hover=None, **HERE)
    assert same_instant(one, Row(index=3, total=9, focus=1, hover=2, **HERE), events, events)
    assert not same_instant(None, one, events, events)
    assert not same_instant(one, Row(index=4, total=9, focus=1, **HERE), events, events)
    assert not same_instant(one, Row(index=3, total=9, focus=2, **HERE), events, events)
    deeper = {**HERE, "instruction": 4, "depth": (0, 4)}
    assert not same_instant(one, Row(index=3, total=9, focus=1, **deeper), events, events)
    assert not same_instant(one, one, events, [])
