"""The branch predictor: collisions, capacity, barriers."""

import hashlib

from tdxviz.core.hw.predictor import MOST_RETURNS, MOST_TARGETS, TAG, Predictor, Target


def digest(predictor: Predictor) -> str:
    h = hashlib.sha256()
    predictor.digest(h)
    return h.hexdigest()


def test_branches_that_agree_in_the_low_bits_collide_whoever_trained():
    predictor = Predictor()
    predictor.train(0x8000_1234, 0x1000, "host")
    assert predictor.predict(0xFF00_1234, "vm-a") == Target(0x8000_1234, 0x1000, "host")
    assert predictor.predict(0x8000_1235, "host") is None
    assert 0x8000_1234 & TAG == 0xFF00_1234 & TAG


def test_the_oldest_target_goes():
    predictor = Predictor()
    for n in range(MOST_TARGETS + 1):
        predictor.train(n, n, "td-a")
    assert predictor.predict(0, "td-a") is None
    assert len(predictor.targets) == MOST_TARGETS


def test_returns_are_a_stack_of_limited_depth():
    predictor = Predictor()
    for n in range(MOST_RETURNS + 4):
        predictor.push_return(n, "vm-a")
    assert [predictor.pop_return("vm-a") for _ in range(MOST_RETURNS)][-1] == Target(4, 4, "vm-a")
    assert predictor.pop_return("vm-a") is None


def test_a_barrier_forgets_targets_and_returns_and_history_goes_apart():
    predictor = Predictor()
    predictor.train(1, 2, "host")
    predictor.push_return(3, "host")
    before = digest(predictor)
    twin = predictor.copy()
    assert twin.barrier() == 2
    assert (twin.predict(1, "host"), twin.pop_return("host"), twin.history != 0) == (None, None, True)
    assert twin.clear_history()
    assert not twin.clear_history()
    assert digest(predictor) == before != digest(twin)


def test_where_modes_are_apart_a_td_never_meets_what_others_trained():
    predictor = Predictor(separate=True)
    for trainer in ("host", "td-a"):
        predictor.train(0x1000, {"host": 0x6666, "td-a": 0x2000}[trainer], trainer)
    assert predictor.predict(0x1000, "td-b") == Target(0x1000, 0x2000, "td-a")
    assert (
        predictor.predict(0x1000, "host")
        == predictor.predict(0x1000, "vm-a")
        == Target(0x1000, 0x6666, "host")
    )
    assert len(predictor.targets) == 2
    for who in ("host", "td-a"):
        predictor.push_return(0x3000, who)
    assert predictor.pop_return("host") is None  # it was there, and of the other mode
    assert predictor.pop_return("vm-a") == Target(0x3000, 0x3000, "host")
    assert digest(Predictor(separate=True)) != digest(Predictor())
    assert predictor.copy().separate
