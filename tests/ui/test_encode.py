"""Files are whole or absent; what is written can be read back."""

from fractions import Fraction
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage

from tdxviz.core.faults import TdxvizError
from tdxviz.ui import encode
from tdxviz.ui.encode import Film, Shot
from tdxviz.ui.record_times import Span

SIZE = (64, 48)
COLOURS = ("#ff0000", "#00ff00", "#0000ff")


def film(frames: int = 5) -> Film:
    def shots():
        for colour in COLOURS:
            image = QImage(*SIZE, QImage.Format.Format_RGB888)
            image.fill(QColor(colour))
            yield Shot(image, frames)

    return Film(SIZE, 10, shots(), [Span(0, 1, "first"), Span(1, 1.5, "second")])


def written(path: Path, made: Film) -> Path:
    write = encode.writer(path)
    with encode.whole(path) as part:
        write(part, made)
    assert not list(path.parent.glob(".*part*"))
    return path


def test_a_folder_of_pictures_with_their_durations(tmp_path) -> None:
    folder = written(tmp_path / "film", film())
    assert sorted(p.name for p in folder.iterdir()) == ["0001.png", "0002.png", "0003.png", "frames.txt"]
    assert (folder / "frames.txt").read_text().count("duration 0.500") == 3
    assert QImage(str(folder / "0002.png")).pixelColor(9, 9) == QColor(COLOURS[1])


def test_new_pictures_replace_old_ones_and_leave_the_rest(tmp_path) -> None:
    folder = tmp_path / "film"
    folder.mkdir()
    (folder / "0099.png").write_bytes(b"old")
    (folder / "notes.md").write_text("mine")
    written(folder, film())
    assert not (folder / "0099.png").exists()
    assert (folder / "notes.md").read_text() == "mine"


def test_webp_is_lossless_and_timed(tmp_path) -> None:
    image = pytest.importorskip("PIL.Image")
    with image.open(written(tmp_path / "film.webp", film())) as made:
        assert made.n_frames == len(COLOURS)
        made.seek(1)
        made.load()
        assert made.info["duration"] == 500
        assert made.convert("RGB").getpixel((9, 9)) == (0, 255, 0)


@pytest.mark.parametrize("ending", [".webm", ".mp4"])
def test_video_has_every_frame_and_its_chapters(tmp_path, ending: str) -> None:
    av = pytest.importorskip("av")
    path = written(tmp_path / f"film{ending}", film())
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 15
        titles = [chapter["metadata"]["title"] for chapter in container.chapters()]
        assert titles == ["first", "second"]
        assert container.streams.video[0].average_rate == Fraction(10)


@pytest.mark.parametrize(
    "trouble", [KeyboardInterrupt(), TdxvizError("no"), OSError(28, "No space left on device")]
)
def test_nothing_is_left_of_a_film_that_was_cut_off(tmp_path, trouble: BaseException) -> None:
    path = tmp_path / "film"
    path.mkdir()
    (path / "0001.png").write_bytes(b"the old film")

    def shots():
        yield next(film().shots)
        raise trouble

    with pytest.raises((KeyboardInterrupt, TdxvizError)):
        written(path, Film(SIZE, 10, shots()))
    assert [p.name for p in tmp_path.iterdir()] == ["film"]
    assert (path / "0001.png").read_bytes() == b"the old film"


def test_a_full_disk_is_told_in_words(tmp_path) -> None:
    with pytest.raises(TdxvizError, match="No space left"), encode.whole(tmp_path / "x"):
        raise OSError(28, "No space left on device")


def test_an_unknown_ending_and_a_missing_extra_are_told(monkeypatch) -> None:
    with pytest.raises(TdxvizError, match=r"did you mean '.webm'"):
        encode.writer(Path("film.wbm"))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(TdxvizError, match=r"pip install 'tdxviz\[video\]'"):
        encode.writer(Path("film.mp4"))


def test_a_missing_encoder_is_told(monkeypatch) -> None:
    av = pytest.importorskip("av")
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with pytest.raises(TdxvizError, match=r"no encoder for .mp4"):
        encode.writer(Path("film.mp4"))


def test_padded_rows_are_packed() -> None:
    image = QImage(3, 2, QImage.Format.Format_RGB888)
    image.fill(QColor("#010203"))
    assert image.bytesPerLine() != 9
    assert encode.rgb(image) == bytes([1, 2, 3]) * 6
