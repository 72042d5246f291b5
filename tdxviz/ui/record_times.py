"""When things happen in a demo: chapters, captions and frames. Pure; nothing is painted here."""

from collections.abc import Sequence
from typing import NamedTuple

from tdxviz.ui.record_cues import Cue

PICTURES_A_SECOND = 10
"""While events pass by; more than this cannot be followed by eye."""


class Span(NamedTuple):
    """``start`` and ``end`` in seconds."""

    start: float
    end: float
    text: str


def spans(cues: Sequence[Cue], verb: str) -> list[Span]:
    """The texts of ``chapter`` or ``caption`` cues, each until the next one or the end."""
    made: list[Span] = []
    now, text, since = 0.0, "", 0.0
    for cue in cues:
        if cue.verb == verb:
            if text and now > since:
                made.append(Span(since, now, text))
            text, since = cue.what[0], now
        now += cue.seconds
    if text and now > since:
        made.append(Span(since, now, text))
    return made


def frame_counts(cues: Sequence[Cue], fps: int) -> list[int]:
    """Frames of each cue; their sum never drifts from the clock by more than half a frame."""
    made, now, shown = [], 0.0, 0
    for cue in cues:
        now += cue.seconds
        until = round(now * fps)
        made.append(until - shown)
        shown = until
    return made


def stops(first: int, last: int, frames: int, seconds: float) -> list[tuple[int, int]]:
    """Walking from one event index to another: ``(index, frames)``, ending at ``last``."""
    count = min(frames, max(last - first, 1), max(round(seconds * PICTURES_A_SECOND), 1))
    made = []
    for n in range(1, count + 1):
        width = frames * n // count - frames * (n - 1) // count
        made.append((first + (last - first) * n // count, width))
    return made


def vtt(captions: Sequence[Span]) -> str:
    """WebVTT. Source: W3C WebVTT, cue timings and text."""
    parts = ["WEBVTT\n"]
    for number, one in enumerate(captions, 1):
        text = one.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        parts.append(f"{number}\n{_stamp(one.start)} --> {_stamp(one.end)}\n{text}\n")
    return "\n".join(parts)


def _stamp(seconds: float) -> str:
    total = round(seconds * 1000)
    return f"{total // 3600000:02}:{total // 60000 % 60:02}:{total // 1000 % 60:02}.{total % 1000:03}"
