"""Layouts are data: they name panels that exist in the table, each at most once."""

import pytest

from tdxviz.ui.layouts import LAYOUTS, TITLES, leaves, swap, without
from tdxviz.ui.panels import BY_NAME, PANELS


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_name_known_panels_once(name: str) -> None:
    found = leaves(LAYOUTS[name])
    assert set(found) <= set(BY_NAME)
    assert len(found) == len(set(found))


def test_every_layout_has_a_title() -> None:
    assert set(TITLES) == set(LAYOUTS)


def test_leaving_a_panel_out_keeps_the_others() -> None:
    tree = without(LAYOUTS["stage"], "lesson")
    assert tree is not None
    assert leaves(tree) == ["stage", "eyes", "verdict", "timeline"]


def test_swapping_puts_one_panel_in_the_place_of_another() -> None:
    assert leaves(swap(LAYOUTS["stage"], "lesson", "attacks"))[-1] == "attacks"


@pytest.mark.parametrize("row", [row for row in PANELS if row.exists], ids=lambda row: row.name)
def test_a_panel_loads_and_calls_itself_what_the_table_does(row) -> None:
    assert row.load().name == row.name
