"""Short forms of bytes and addresses."""

from hypothesis import given
from hypothesis import strategies as st

from tdxviz.ui.present import hexes


def test_addresses_are_grouped_in_fours():
    assert hexes.spaced(0x413540) == "0x0041 3540"
    assert hexes.spaced(0xF_FFFF_F000) == "0xf ffff f000"


@given(st.integers(0, (1 << 52) - 1))
def test_spaced_addresses_read_back(hpa):
    assert int(hexes.spaced(hpa).replace(" ", ""), 16) == hpa


def test_tokens_are_text_where_the_bytes_are_text():
    assert hexes.plain_words(b"my password") == "“my passw”"
    assert hexes.plain_words(bytes(8)) == "00 00 00 00"
    assert hexes.readable(b"abc\x00") == ""


def test_actors_have_tokens_and_titles():
    assert hexes.owner_token("td-a") == "td_a"
    assert hexes.owner_token("td-b") == "td_b"
    assert hexes.owner_token("vm-a") == "legacy"
    assert hexes.actor_title("probe") == "Probe on the bus"
