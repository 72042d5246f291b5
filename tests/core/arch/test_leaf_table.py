"""The generated tables are what the generator makes of the researched JSON today."""

import pytest

from tests.conftest import SHARED
from tools import generate_tables


@pytest.mark.parametrize("name", generate_tables.TABLES)
def test_the_table_is_up_to_date(name, tmp_path, reference):
    reference("seamcall_leaves.json")  # or skip
    made = generate_tables.TABLES[name](SHARED)
    kept = generate_tables.OUT / name
    assert made == kept.read_text()
