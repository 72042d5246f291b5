"""The stage picture: real state in every box, arrows and tokens of the film."""

import pytest

from tdxviz.core import events as e
from tdxviz.ui.present import stage
from tests.ui import stage_samples as s


def lines(shown, box):
    return [words.text for words in shown.boxes[box].lines]


def test_every_box_has_at_most_its_title_and_four_lines_and_a_view():
    for world in ("legacy", "li", "ci"):
        shown = stage.picture(s.FakeAsk(world), s.guest_miss(), 7)
        for box in shown.boxes.values():
            assert box.title
            assert len(box.lines) <= 4
            assert box.view


def test_running_guest_shows_code_and_changed_registers():
    ask = s.FakeAsk()
    before = (0,) * 16 + (0x8000_0104,)
    core = stage.picture(ask, s.guest_miss(), 7, before=before).boxes["core0"]
    assert core.title == "Core 0 · running TD-A vCPU 0"
    assert [line.text for line in core.code if line.current] == ["mov rax,[rdi]"]
    changed = {r.name: r.changed for r in core.registers}
    assert changed["RAX"]
    assert not changed["RIP"]
    assert next(r.value for r in core.registers if r.name == "RAX") == "my passw"


def test_registers_saved_by_the_module_are_not_in_the_core():
    core = stage.picture(s.FakeAsk(running=False), [], 0).boxes["core0"]
    assert core.code == ()
    assert "registers: saved in TDVPS" in [w.text for w in core.lines]


def test_host_core_tells_the_last_thing_the_host_did():
    shown = stage.picture(s.FakeAsk(), s.host_zeros(), 5)
    core = shown.boxes["core1"]
    assert core.token == "00 00 00 00"
    assert core.lines[0].text == "mov al,[413540]"
    assert stage.picture(s.FakeAsk(), s.host_zeros(), 4).boxes["core1"].token == ""


@pytest.mark.parametrize(
    ("world", "expected"),
    [("ci", "MAC 5a190c7 = 5a190c7 ✔"), ("li", "no MAC: logical integrity"), ("legacy", None)],
)
def test_engine_says_what_it_checks(world, expected):
    words = lines(stage.picture(s.FakeAsk(world), s.guest_miss(), 7), "engine")
    assert (expected in words) if expected else words[0] == "no memory encryption"


def test_legacy_world_has_no_module_and_no_key():
    shown = stage.picture(s.FakeAsk("legacy"), s.guest_miss(), 7)
    assert not shown.protected
    assert shown.boxes["module"].title == "No TDX module"
    assert shown.boxes["engine"].chip == ""
    assert all("module" not in arrow.leg for arrow in shown.arrows)


def test_key_chip_names_the_key_of_this_access():
    assert stage.picture(s.FakeAsk(), s.guest_miss(), 5).boxes["engine"].chip.startswith("key 0x21")
    assert stage.picture(s.FakeAsk(), s.host_zeros(), 5).boxes["engine"].chip.startswith("key 0x00")


def test_boxes_without_part_in_the_access_are_dimmed():
    shown = stage.picture(s.FakeAsk(), s.guest_miss(), 3)
    lit = {name for name, box in shown.boxes.items() if box.active}
    assert lit == {"core0", "tlb", "cache", "engine", "dram"}
    hit = stage.picture(s.FakeAsk(), s.guest_hit(), 3)
    assert not hit.boxes["dram"].active
    assert all(box.active for box in stage.picture(s.FakeAsk(), [], 0).boxes.values())


def test_arrows_grow_with_the_stills_and_only_the_last_is_current():
    events = s.guest_miss()
    for index in range(1, 8):
        shown = stage.picture(s.FakeAsk(), events, index)
        numbers = [a.number for a in shown.arrows if a.number]
        assert numbers == list(range(1, index + 1))
        assert {a.number for a in shown.arrows if a.current} == {index}


def test_the_hosts_arrow_ends_at_the_engine():
    shown = stage.picture(s.FakeAsk(), s.host_zeros(), 3)
    assert shown.arrows[0].leg == "core1>cache"
    stopped = [a for a in shown.arrows if a.stop]
    assert [(a.leg, a.role) for a in stopped] == [("cache>engine", "host")]
    assert shown.refused.startswith("TD-owner bit is 1")
    assert stage.picture(s.FakeAsk(), s.host_zeros(), 2).refused == ""


def test_a_device_is_stopped_at_the_iommu():
    shown = stage.picture(s.FakeAsk(), s.dma_fault(), 1)
    assert [(a.leg, a.stop) for a in shown.arrows] == [("device>iommu", True)]


def test_tokens_are_ciphertext_outside_and_readable_inside():
    fetched = stage.picture(s.FakeAsk(), s.guest_miss(), 4)
    assert [(t.place, t.text, t.owner) for t in fetched.tokens] == [("bus", "c3 5d", "")]
    checked = stage.picture(s.FakeAsk(), s.guest_miss(), 5)
    assert [(t.place, t.text, t.owner) for t in checked.tokens] == [
        ("bus", "c3 5d", ""), ("engine", "“my passw”", "td_a"),
    ]  # fmt: skip
    assert stage.picture(s.FakeAsk(), s.guest_miss(), 2).tokens == ()


def test_five_dram_lines_of_one_page_around_the_line_in_question():
    for hpa in (s.HPA, 0x413000, 0x413FC0):
        rows = stage.picture(s.FakeAsk(), [], 0, focus=hpa).rows
        assert len(rows) == 5
        assert {row.hpa >> 12 for row in rows} == {0x413}
        assert [row.hpa for row in rows if row.focus] == [hpa]


def test_the_film_decides_what_the_picture_is_about_before_the_focus():
    assert stage.picture(s.FakeAsk(), s.guest_miss(), 7, focus=0x400000).hpa == s.HPA
    assert stage.picture(s.FakeAsk(), [], 0, focus=0x400010).hpa == 0x400000


def test_two_aliases_in_the_cache_are_two_lines_and_a_warning():
    ask = s.FakeAsk(cached=((0, False), (s.KEY, True)))
    words = lines(stage.picture(ask, [], 0), "cache")
    assert words[0].startswith("413540·00 00 00")
    assert words[1] == "413540·21 my passw dirty"
    assert "two KeyIDs, two copies: no coherence" in words


def test_last_leaf_is_named_in_the_module_box():
    leaf = e.LeafReturned(side="host", leaf=2, name="TDH.MEM.PAGE.ADD", status=1 << 63, passed=1, reason="no")
    words = lines(stage.picture(s.FakeAsk(), [leaf], 1), "module")
    assert words == ["SEPT walk ✔ MAPPED", "PAMT owner A ✔", "TDH.MEM.PAGE.ADD refused"]


def test_describe_tells_film_refusal_and_boxes():
    words = stage.describe(stage.picture(s.FakeAsk(), s.host_zeros(), 3))
    assert "Still 3 of 5: decrypt and check." in words
    assert "Refused: TD-owner bit is 1" in words
    assert "Probe on the bus: sees" in words
    assert "TDX with cryptographic integrity" in words


def test_a_host_access_under_way_waits_and_shows_no_bytes_yet():
    core = stage.picture(s.FakeAsk(), s.host_zeros(), 2).boxes["core1"]
    assert [w.text for w in core.lines[:2]] == ["mov al,[413540]", "waits for the line …"]
    assert core.token == ""


def test_without_power_there_are_no_registers():
    ask = s.FakeAsk()
    ask.powered = False
    assert stage.picture(ask, [], 0).boxes["core0"].title == "Core 0 · switched off"
