"""Secure EPT entries against the researched table, and back again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core.arch import sept

FRAMES = st.integers(0, (1 << 40) - 1).map(lambda n: n << 12)
STATES = st.sampled_from(sorted(sept.STATES))


def test_every_state_of_the_reference(reference):
    rows = {row["name"].removeprefix("SEPT_"): row for row in reference("sept_states.json")["states"]}
    assert set(rows) == set(sept.STATES)
    for name, row in rows.items():
        state = sept.STATES[name]
        assert state.code == int(row["encoding"], 16), name
        assert (state.public, state.leaf, state.perms) == (row["public_state"], row["leaf"], row["rwx"]), name
        assert state.tracked == row["tlb_tracking_required"], name


@given(STATES, FRAMES)
def test_an_entry_says_what_it_was_made_of(state, hpa):
    entry = sept.make_entry(state, hpa)
    assert 0 <= entry < 1 << 64
    assert (sept.state_of(entry), sept.frame(entry)) == (state, hpa)
    assert "".join(c if entry >> n & 1 else "-" for n, c in enumerate("rwx")) == sept.PERMS[state]


@given(st.integers(0, (1 << 64) - 1))
def test_any_64_bits_have_a_name(entry):
    name = sept.state_of(entry)
    assert name == "CORRUPT" or sept.STATES[name].code == sept.code_of(entry)


@pytest.mark.parametrize("state", [n for n, row in sept.STATES.items() if row.leaf])
def test_leaves_are_write_back_and_suppress_ve(state):
    entry = sept.make_entry(state)
    assert (entry >> 3 & 7, entry >> 7 & 1, entry >> 63) == (6, 1, 1)


def test_a_free_entry_is_not_zero_and_zero_is_not_free():
    assert sept.FREE_ENTRY == 1 << 63 | 0b0111 << 53
    assert sept.state_of(0) == "NL_MAPPED"
