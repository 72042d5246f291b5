"""Pictures to files: PNG folder, lossless WebP, WebM (VP9), MP4 (H.264).

Everything is written under a temporary name beside the target and renamed at the end: whoever
sees the file sees all of it. Pillow and PyAV are the extra ``video``.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.ui.record_times import Span

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

MILLI = 1000
WEBP_MEMORY = 1 << 30
"""Pillow keeps every picture of an animation; more than this many bytes are refused."""


class Shot(NamedTuple):
    """One picture and how many frames it stays."""

    image: "QImage"
    frames: int


@dataclass(frozen=True)
class Film:
    """``shots`` are made while they are written. ``size`` in pixels, both even for video."""

    size: tuple[int, int]
    fps: int
    shots: Iterator[Shot]
    chapters: Sequence[Span] = ()


KEY_FRAME_SECONDS = 5
Writer = Callable[[Path, Film], None]


def writer(path: Path) -> Writer:
    """The way to write this kind of file, with everything it needs at hand.

    Raises:
        TdxvizError: unknown ending, or the extra or an encoder is missing.
    """
    ending = path.suffix.lower()
    if ending in ("", ".png"):
        return write_pictures
    if ending == ".webp":
        need("PIL", ending)
        return write_webp
    if ending in (".webm", ".mp4"):
        codec = encoder(ending)
        return lambda part, film: write_video(part, film, ending, codec)
    known = (".png", ".webp", ".webm", ".mp4", ".tdxrec")
    raise TdxvizError(
        f"{path.name}: cannot write {ending!r}; {did_you_mean(ending, known)} (a name without ending is a folder of PNG)"
    )


def need(module: str, ending: str) -> Any:
    """The module of the extra."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise TdxvizError(
            f"{ending} needs the extra 'video', and {error.name or module} is missing. "
            "Next: pip install 'tdxviz[video]', or write a folder of PNG pictures with -o DIR"
        ) from None


def encoder(ending: str) -> str:
    """Name of the encoder for this ending."""
    av = need("av", ending)
    wanted = {".webm": ("libvpx-vp9",), ".mp4": ("libx264", "libopenh264")}[ending]
    for name in wanted:
        if name in av.codecs_available:
            return name
    raise TdxvizError(
        f"this build of PyAV has no encoder for {ending} ({' or '.join(wanted)}). Next: write .webp or a folder"
    )


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name that becomes ``path`` if all goes well, and nothing otherwise."""
    part = path.with_name(f".{path.name}.part")
    discard(part)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if part.is_dir() and path.is_dir():
            replace_folder(part, path)
        else:
            os.replace(part, path)
    except OSError as error:
        raise TdxvizError(
            f"{path}: cannot be written ({error.strerror or error}); nothing was left behind"
        ) from None
    finally:
        discard(part)


def replace_folder(part: Path, path: Path) -> None:
    """Put the new pictures in the place of the old ones; other files in the folder stay."""
    for old in path.glob("[0-9][0-9][0-9][0-9].png"):
        old.unlink()
    for new in sorted(part.iterdir()):
        os.replace(new, path / new.name)


def discard(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def write_pictures(part: Path, film: Film) -> None:
    """One PNG a picture, and ``frames.txt`` with durations, as FFmpeg's concat reader wants it."""
    part.mkdir()
    rows = ["ffconcat version 1.0"]
    for number, shot in enumerate(film.shots, 1):
        name = f"{number:04}.png"
        if not shot.image.save(str(part / name)):
            raise TdxvizError(f"{name}: cannot be written; is the disk full?")
        rows += [f"file {name}", f"duration {shot.frames / film.fps:.3f}"]
    (part / "frames.txt").write_text("\n".join(rows) + "\n", "utf-8")


def rgb(image: "QImage") -> bytes:
    """Rows of RGB bytes without padding."""
    width, stride = image.width() * 3, image.bytesPerLine()
    data = bytes(image.constBits())
    if stride == width:
        return data
    return b"".join(data[row * stride : row * stride + width] for row in range(image.height()))


def write_webp(part: Path, film: Film) -> None:
    """Lossless animation; every picture with its own duration."""
    pillow = need("PIL.Image", ".webp")
    pictures, durations = [], []
    room = WEBP_MEMORY // (film.size[0] * film.size[1] * 4)
    for shot in film.shots:
        if len(pictures) >= room:
            raise TdxvizError(
                f"more than {room} pictures of this size are too many for .webp; use .webm or a smaller --size"
            )
        pictures.append(pillow.frombytes("RGB", film.size, rgb(shot.image)))
        durations.append(round(shot.frames * MILLI / film.fps))
    first, rest = pictures[0], pictures[1:]
    with part.open("wb") as file:
        first.save(
            file,
            "WEBP",
            save_all=True,
            append_images=rest,
            duration=durations,
            loop=0,
            lossless=True,
            quality=60,
            method=3,
        )


OPTIONS = {
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "24", "b": "0"},
    "libx264": {"preset": "veryfast", "crf": "20"},
    "libopenh264": {},
}


def write_video(part: Path, film: Film, ending: str, codec: str) -> None:
    """Constant frame rate, chapters. Pictures mostly stand still, so key frames are what costs."""
    av = need("av", ending)
    options = {"movflags": "+faststart"} if ending == ".mp4" else {}
    kind = "mp4" if ending == ".mp4" else "webm"
    with av.open(str(part), "w", format=kind, options=options) as container:
        stream = container.add_stream(codec, rate=film.fps, options=OPTIONS[codec])
        stream.width, stream.height = film.size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, film.fps)
        stream.codec_context.gop_size = film.fps * KEY_FRAME_SECONDS
        container.set_chapters(chapter_rows(film.chapters))
        clock = 0
        for shot in film.shots:
            frame = picture(av, shot.image, film.size)
            for _ in range(shot.frames):
                frame.pts, frame.time_base = clock, Fraction(1, film.fps)
                container.mux(stream.encode(frame))
                clock += 1
        container.mux(stream.encode(None))


def picture(av: Any, image: "QImage", size: tuple[int, int]) -> Any:
    """A video frame in the encoder's colours; converted once, shown many times."""
    import numpy as np

    pixels = np.frombuffer(rgb(image), np.uint8).reshape(size[1], size[0], 3)
    return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709"
    )


def chapter_rows(chapters: Sequence[Span]) -> list[dict[str, Any]]:
    """As PyAV takes them."""
    return [
        {
            "id": number,
            "start": round(one.start * MILLI),
            "end": round(one.end * MILLI),
            "time_base": Fraction(1, MILLI),
            "metadata": {"title": one.text},
        }
        for number, one in enumerate(chapters)
    ]
