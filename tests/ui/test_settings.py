"""Settings survive a round trip, and no file can keep the app from starting."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from tdxviz.ui.settings import FILE, Settings, load, save


def test_a_round_trip_keeps_everything(tmp_path) -> None:
    settings = Settings(theme="dark", scale=1.75, geometry="0a0b", step_unit="action", motion=False)
    assert save(tmp_path / "new", settings) == ""
    assert load(tmp_path / "new") == (settings, "")


def test_no_file_means_defaults_without_a_word(tmp_path) -> None:
    assert load(tmp_path) == (Settings(), "")


@given(st.binary(max_size=300))
def test_garbage_gives_defaults_and_a_notice(garbage: bytes) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / FILE).write_bytes(garbage)
        settings, notice = load(folder)
    assert isinstance(settings, Settings)
    assert notice or settings == Settings() or garbage.strip()[:1] == b"{"


def test_a_bad_value_is_named_and_the_good_ones_are_kept(tmp_path) -> None:
    (tmp_path / FILE).write_text('{"theme": "dark", "scale": 99, "colour": 1}')
    settings, notice = load(tmp_path)
    assert (settings.theme, settings.scale) == ("dark", 1.0)
    assert "scale" in notice and "colour" in notice


def test_a_place_that_cannot_be_written_is_told(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    assert "not saved" in save(tmp_path / "file", Settings())
