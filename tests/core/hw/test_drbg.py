"""The one source of randomness repeats itself exactly, and never otherwise."""

from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core.hw.drbg import Drbg


@given(st.integers(0, 2**64), st.lists(st.tuples(st.integers(0, 32), st.text(max_size=5)), max_size=8))
def test_same_seed_same_draws(seed, draws):
    one, two = Drbg(seed), Drbg(seed)
    assert [one.draw(*d) for d in draws] == [two.draw(*d) for d in draws]
    assert one.drawn == len(draws)


def test_draws_differ_by_order_purpose_and_seed():
    drbg = Drbg(7)
    drawn = [drbg.draw(16, "x"), drbg.draw(16, "x"), Drbg(7).draw(16, "y"), Drbg(8).draw(16, "x")]
    assert len(set(drawn)) == 4


def test_a_copy_goes_on_by_itself():
    drbg = Drbg(7)
    drbg.draw(1, "x")
    twin = drbg.copy()
    assert twin.draw(8, "y") == drbg.draw(8, "y")
    twin.draw(8, "z")
    assert (drbg.drawn, twin.drawn) == (2, 3)
