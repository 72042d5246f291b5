"""A folded layout loses no panel, fits where it can, and is not folded where it need not be."""

import pytest

from tdxviz.ui.folding import BANNER, fold, need, shares
from tdxviz.ui.layouts import LAYOUTS, Tree, leaves
from tdxviz.ui.panels import ROOMS

SIZES = [(1920, 1036), (1280, 676), (1024, 532), (853, 436), (731, 367), (640, 316), (512, 244), (300, 900)]


def places(tree: Tree) -> int:
    """How many panels are in front at once."""
    if isinstance(tree, str):
        return 1
    return 1 if tree[0] == "tabs" else sum(places(child) for child in tree[2])


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_fold_loses_or_doubles_a_panel(name: str) -> None:
    for width, height in SIZES:
        found = leaves(fold(LAYOUTS[name], width, height, ROOMS))
        assert sorted(found) == sorted(leaves(LAYOUTS[name])), (width, height)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_fits_or_is_folded_as_far_as_it_goes(name: str) -> None:
    for width, height in SIZES:
        tree = fold(LAYOUTS[name], width, height, ROOMS)
        wide, high = need(tree, ROOMS)
        assert (wide <= width and high <= height) or places(tree) <= 4, (width, height)
        if wide > width:
            assert places(tree) == 1 + (BANNER in leaves(tree))


@pytest.mark.parametrize("name", LAYOUTS)
def test_less_room_never_unfolds(name: str) -> None:
    fronts = [places(fold(LAYOUTS[name], *size, ROOMS)) for size in SIZES[:-1]]
    assert fronts == sorted(fronts, reverse=True)
    assert fold(LAYOUTS[name], 1920, 1036, ROOMS) == LAYOUTS[name]


def test_the_smallest_documented_window_folds_the_middle_of_the_workbench_alone() -> None:
    tree = fold(LAYOUTS["workbench"], 1280, 676, ROOMS)
    assert isinstance(tree, tuple)
    middle = tree[2][2]
    assert isinstance(middle, tuple)
    assert [child[0] for child in middle[2]] == ["v", "tabs", "tabs"]
    assert leaves(middle[2][1])[:4] == ["sept", "sept_tree", "machines", "tlb"]
    assert fold(LAYOUTS["stage"], 1280, 676, ROOMS) == LAYOUTS["stage"]


def test_the_verdict_is_never_a_tab_and_a_lesson_comes_to_the_front() -> None:
    tree = fold(LAYOUTS["stage"], 512, 244, ROOMS)
    assert isinstance(tree, tuple)
    assert tree[2][0] == BANNER
    assert leaves(tree)[1] == "lesson"


def test_shares_go_by_weight_and_leave_nobody_short() -> None:
    assert shares((1, 3), (0, 0), 400) == [100, 300]
    assert shares((10, 90), (62, 100), 400) == [62, 338]
    assert shares((1, 1), (300, 100), 200) == [150, 50]
    assert sum(shares((5, 3, 2), (10, 90, 10), 200)) == pytest.approx(200)
