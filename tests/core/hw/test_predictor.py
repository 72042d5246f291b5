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
    assert predictor.predict(0xFF00_1234) == Target(0x8000_1234, 0x1000, "host")
    assert predictor.predict(0x8000_1235) is None
    assert 0x8000_1234 & TAG == 0xFF00_1234 & TAG


def test_the_oldest_target_goes():
    predictor = Predictor()
    for n in range(MOST_TARGETS + 1):
        predictor.train(n, n, "td-a")
    assert predictor.predict(0) is None
    assert len(predictor.targets) == MOST_TARGETS


def test_returns_are_a_stack_of_limited_depth():
    predictor = Predictor()
    for n in range(MOST_RETURNS + 4):
        predictor.push_return(n, "vm-a")
    assert [predictor.pop_return() for _ in range(MOST_RETURNS)][-1] == (4, "vm-a")
    assert predictor.pop_return() is None


def test_a_barrier_forgets_targets_and_returns_and_history_goes_apart():
    predictor = Predictor()
    predictor.train(1, 2, "host")
    predictor.push_return(3, "host")
    before = digest(predictor)
    twin = predictor.copy()
    assert twin.barrier() == 2
    assert (twin.predict(1), twin.pop_return(), twin.history != 0) == (None, None, True)
    assert twin.clear_history()
    assert not twin.clear_history()
    assert digest(predictor) == before != digest(twin)
