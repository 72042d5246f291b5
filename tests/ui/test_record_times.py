"""Frames, chapters and captions of a demo, from its text alone."""

from hypothesis import given
from hypothesis import strategies as st

from tdxviz.ui.record_cues import Cue
from tdxviz.ui.record_times import Span, frame_counts, spans, stops, vtt


def test_captions_last_until_the_next_one_or_the_end() -> None:
    cues = [
        Cue(1, "hold", seconds=1.0), Cue(2, "caption", ("one",)), Cue(2, "hold", seconds=2.0),
        Cue(3, "caption", ("",)), Cue(3, "hold", seconds=1.0), Cue(4, "caption", ("two",)),
        Cue(4, "do", ("x",), (), 3.0), Cue(5, "caption", ("never seen",)),
    ]  # fmt: skip
    assert spans(cues, "caption") == [Span(1.0, 3.0, "one"), Span(4.0, 7.0, "two")]
    assert spans(cues, "chapter") == []


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=40), st.integers(1, 60))
def test_frames_never_drift_from_the_clock(millis: list[int], fps: int) -> None:
    cues = [Cue(1, "hold", seconds=m / 1000) for m in millis]
    counts = frame_counts(cues, fps)
    for n in range(len(cues)):
        clock = sum(c.seconds for c in cues[: n + 1])
        assert abs(sum(counts[: n + 1]) - clock * fps) <= 0.5 + 1e-6


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 300), st.floats(0.1, 20))
def test_a_walk_uses_all_its_frames_and_arrives(a: int, b: int, frames: int, seconds: float) -> None:
    first, last = sorted((a, b))
    made = stops(first, last, frames, seconds)
    assert sum(width for _, width in made) == frames
    assert all(width > 0 for _, width in made)
    assert made[-1][0] == last
    assert [index for index, _ in made] == sorted(index for index, _ in made)


def test_vtt_has_times_and_escaped_text() -> None:
    text = vtt([Span(1.0, 3.5, "a < b & c"), Span(3661.25, 3662, "later")])
    assert text.startswith("WEBVTT\n\n1\n00:00:01.000 --> 00:00:03.500\na &lt; b &amp; c\n")
    assert "01:01:01.250 --> 01:01:02.000\nlater\n" in text
