"""``tdxviz record``: renders a lesson, a script or a demo to pictures or video, without a display."""

import argparse
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tdxviz.core.faults import TdxvizError
from tdxviz.ui.record_cues import Recording, parse

if TYPE_CHECKING:
    from tdxviz.ui.encode import Shot
    from tdxviz.ui.studio import Look

DEFAULTS = {"size": "1280x720", "theme": "light", "scale": "1.0", "fps": "15"}
FASTEST = 60
DEMO = ".tdxrec"
SCRIPT = ".tdxs"


def main(args: Namespace | Sequence[str]) -> int:
    """``args``: the words of the command line, or a namespace of its attributes.

    Raises:
        TdxvizError: a mistake in the source or the arguments, or the file cannot be written.
    """
    wanted = args if isinstance(args, Namespace) else parser().parse_args(list(args))
    with stopped_by_signals():
        return render(wanted)


def parser() -> argparse.ArgumentParser:
    """The sub-command's arguments; those left out come from the demo's ``set`` lines."""
    made = argparse.ArgumentParser(
        prog="tdxviz record", description="Render a lesson, a script or a demo to pictures or video."
    )
    made.add_argument("source", metavar="SOURCE", help="lesson (id or path), script.tdxs or demo.tdxrec")
    made.add_argument(
        "-o", "--output", required=True, metavar="OUT",
        help=".webm, .mp4, .webp, .png or a folder; .tdxrec writes the cues to edit",
    )  # fmt: skip
    made.add_argument("--size", metavar="WxH", help="default 1280x720")
    made.add_argument("--theme", help="light, dark or contrast")
    made.add_argument("--scale", help="0.7 to 2.5")
    made.add_argument("--fps", help="frames a second, default 15")
    made.add_argument("--progress", action="store_true", help="one line a picture on stderr, for programs")
    return made


def render(args: Namespace) -> int:
    out = Path(args.output)
    text, name, folder = cues_of(args.source)
    if out.suffix.lower() == DEMO:
        return write_cues(out, text)
    recording = parse(text, name)
    from tdxviz.ui.encode import Film, whole, writer
    from tdxviz.ui.record_play import Projector
    from tdxviz.ui.record_times import frame_counts, spans, vtt
    from tdxviz.ui.studio import studio

    chosen, fps = settings(args, recording)
    write = writer(out)
    target = out.with_suffix("") if out.suffix.lower() == ".png" else out
    captions = spans(recording.cues, "caption")
    with studio(chosen) as made, whole(target) as part:
        projector = Projector(made, recording, chosen, folder)
        total = sum(frame_counts(recording.cues, fps))
        shots = watched(projector.shots(fps), total, lines=getattr(args, "progress", False))
        write(part, Film((chosen.width, chosen.height), fps, shots, spans(recording.cues, "chapter")))
        if captions:
            with whole(out.with_suffix(".vtt")) as beside:
                beside.write_text(vtt(captions), "utf-8")
    print(f"tdxviz: wrote {target}{'/' if target.is_dir() else ''} ({total / fps:.1f} s)", file=sys.stderr)
    return 0


def cues_of(source: str) -> tuple[str, str, Path]:
    """The demo's text, its name for messages, and the folder that its file names start from."""
    path = Path(source)
    if path.suffix == DEMO:
        try:
            return path.read_text("utf-8"), path.name, path.parent
        except (OSError, UnicodeDecodeError) as error:
            raise TdxvizError(
                f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
            ) from None
    from tdxviz.ui import record_plan

    if path.suffix == SCRIPT:
        from tdxviz.session.session import Session

        session = Session.open(path)
        return record_plan.of_script(str(path), session.entries), path.name, Path()
    from tdxviz.session.lessons.library import Library

    lesson = Library().locate(source)
    return record_plan.of_lesson(lesson, source), lesson.id, Path()


def write_cues(out: Path, text: str) -> int:
    from tdxviz.ui.encode import whole

    with whole(out) as part:
        part.write_text(text, "utf-8")
    print(f"tdxviz: wrote {out}", file=sys.stderr)
    return 0


def settings(args: Namespace, recording: Recording) -> "tuple[Look, int]":
    """Size, theme, scale and frame rate: command line, else the demo, else the default."""
    chosen = {
        key: str(getattr(args, key, None) or recording.settings.get(key) or default)
        for key, default in DEFAULTS.items()
    }
    try:
        scale, fps = float(chosen["scale"]), int(chosen["fps"])
    except ValueError:
        raise TdxvizError(f"scale {chosen['scale']!r} and fps {chosen['fps']!r} must be numbers") from None
    if not 1 <= fps <= FASTEST:
        raise TdxvizError(f"fps {fps} must be 1..{FASTEST}")
    from tdxviz.ui.studio import look

    made = look(chosen["size"], chosen["theme"], scale)
    if made.width % 2 or made.height % 2:
        raise TdxvizError(f"size {chosen['size']}: both sides must be even")
    return made, fps


def watched(shots: "Iterator[Shot]", total: int, *, lines: bool = False) -> "Iterator[Shot]":
    """The shots, with progress on stderr: one line that changes, for a person; ``lines`` for programs."""
    done, seen = 0, sys.stderr.isatty() and not lines
    try:
        for shot in shots:
            done += shot.frames
            if seen or lines:
                before, after = ("\r", "") if seen else ("", "\n")
                print(f"{before}tdxviz: frame {done} of {total}", end=after, file=sys.stderr, flush=True)
            yield shot
    finally:
        if seen:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM ends the work like Ctrl-C: what is half written goes away."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever runs us takes care of signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
