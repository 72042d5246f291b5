"""The timeline's blocks: nothing is lost, nothing overlaps, and 100,000 events stay quick."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tdxviz.ui.present.timeline import LANES, blocks, codes, column, index_at, letters

NAMES = ["td-a", "vm-a", "module", "host", "device", "probe", "somebody"]


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=400), st.integers(20, 600))
def test_every_event_lies_under_a_block_of_its_lane(lanes: list[str], width: int) -> None:
    rows = codes(lanes)
    drawn = blocks(rows, 0.0, float(len(lanes)), width)
    for number, lane in enumerate(rows):
        x = int(column(number, 0, len(lanes), width))
        assert any(b.lane == lane and b.left <= x < b.right for b in drawn)


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=400), st.integers(20, 600))
def test_blocks_of_a_lane_are_in_order_and_apart(lanes: list[str], width: int) -> None:
    drawn = blocks(codes(lanes), 0.0, float(len(lanes)), width)
    for lane in range(len(LANES)):
        mine = [b for b in drawn if b.lane == lane]
        assert all(a.right <= b.left for a, b in itertools.pairwise(mine))


def test_a_lone_event_among_a_hundred_thousand_is_drawn() -> None:
    lanes = ["td-a"] * 100_000
    lanes[54_321] = "probe"
    drawn = blocks(codes(lanes), 0.0, 100_000.0, 1000)
    assert [b.first_event for b in drawn if b.lane == 4] == [54_321]
    assert len(drawn) < 10


def test_wide_events_stand_alone_and_have_letters() -> None:
    drawn = blocks(codes(["td-a"] * 4), 0.0, 4.0, 400)
    assert [b.first_event for b in drawn] == [0, 1, 2, 3]
    assert letters("LineDecrypted") == "LD"


@given(st.integers(0, 1000), st.integers(50, 2000))
def test_a_click_finds_the_event_that_was_drawn_there(index: int, width: int) -> None:
    x = column(index, 0, 1000, width)
    assert abs(index_at(x, 0, 1000, width) - index) <= 1
