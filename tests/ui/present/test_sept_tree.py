"""The rows of the Secure EPT tree against the tables in memory."""

from tdxviz.core import peek_sept
from tdxviz.ui.present import sept_tree as present
from tdxviz.ui.present.questions import Questions

SECRET = 0x413540


def test_closed_there_is_the_root_alone_and_gaps_are_told(ready) -> None:
    ask = Questions(ready("ci"))
    td = present.chosen_td(ask, "", SECRET)
    made = present.tree(ask, td, (), None)
    assert [row.words for row in made.rows] == ["PML4 0", "PML4 1 to 511"]
    assert made.rows[0].opened is False
    assert (made.rows[0].entry.state, made.rows[1].detail) == ("NL_MAPPED", "FREE")


def test_the_way_to_a_page_opens_down_to_its_leaf(ready) -> None:
    ask = Questions(ready("ci"))
    td = present.chosen_td(ask, "", SECRET)
    here = present.gpa_here(ask, td, SECRET)
    assert here == 0x8000_3000
    opened = present.path_to(ask, td, here)
    made = present.tree(ask, td, opened, here)
    path = [row for row in made.rows if row.on_path]
    assert [row.entry.level for row in path] == [3, 2, 1, 0]
    assert path[-1].entry.hpa == SECRET & -4096
    assert "owner TD-A" in path[-1].tooltip
    assert "PT 3 MAPPED" in present.describe(made)


def test_all_open_every_entry_is_there_once_and_gaps_fill_the_tables(ready) -> None:
    machine = ready("ci")
    ask = Questions(machine)
    td = present.chosen_td(ask, "td-a", 0)
    entries = list(peek_sept.entries(machine, td))
    made = present.tree(ask, td, {e.address for e in entries}, None)
    assert [row.entry for row in made.rows if row.entry] == entries
    free = sum(_span(row.words) for row in made.rows if row.entry is None)
    tables = 1 + sum(e.is_table for e in entries)
    assert free + len(entries) == tables * present.ENTRIES


def _span(words: str) -> int:
    numbers = words.split()[1:]
    return int(numbers[-1]) - int(numbers[0]) + 1


def test_states_of_any_kind_have_a_colour_and_words(ready) -> None:
    ask = Questions(ready("ci"))
    for state in peek_sept.sept.STATES:
        value = peek_sept.sept.make_entry(state, 0x41_0000)
        row = present._row(ask, peek_sept.Entry(0, 1, 0x1000, 0x62_0008, value, state), 0, None, False)
        assert state in row.tooltip
        assert row.role


def test_no_td_no_tree(ready) -> None:
    assert present.chosen_td(Questions(ready("legacy")), "", SECRET) is None
