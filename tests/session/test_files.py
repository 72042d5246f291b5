"""Reading what an action names."""

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.session import files


def test_a_file_that_is_too_big_is_not_read(tmp_path):
    path = tmp_path / "big"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # no disk holds it; reading it would fail
    with pytest.raises(TdxvizError, match="1,099,511,627,776 bytes; a thing has 1 to 10"):
        files.read(str(path), 10, "a thing", "")


def test_a_file_of_the_largest_size_is(tmp_path):
    (tmp_path / "f").write_bytes(b"0123456789")
    assert files.read(str(tmp_path / "f"), 10, "a thing", "") == b"0123456789"
