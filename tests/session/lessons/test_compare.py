import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.session.lessons.compare import check_wanted, matches


@pytest.mark.parametrize(
    ("value", "wanted", "result"),
    [
        ("ok", "ok", True),
        ("ok", "no", False),
        (5, {"ge": 5, "lt": 6}, True),
        (5, {"gt": 5}, False),
        (5, {"le": 4}, False),
        (5, {"in": [1, 5]}, True),
        (5, {"ne": 5}, False),
        (0x1234, {"mask": 0xFF, "eq": 0x34}, True),
        ("text", {"mask": 1, "eq": 0}, False),
        ("text", {"lt": 3}, False),
        ("cccccc", "cc", True),
        ("cccccd", "cc", False),
        ("CCCC", "cc", True),
        (True, 1, False),
        (True, True, True),
        (1, True, False),
        (None, "x", False),
    ],
)
def test_comparisons(value, wanted, result):
    assert matches(value, wanted) is result


@pytest.mark.parametrize(
    "wanted",
    [
        {"eqq": 1}, {}, {"mask": 1}, {"in": 5}, {"in": []}, {"lt": "x"}, {"lt": True},
        {"eq": [1]}, [1, 2],
    ],
)  # fmt: skip
def test_wrong_comparisons_are_told(wanted):
    with pytest.raises(TdxvizError):
        check_wanted(wanted, "here")
