"""Flags, windows and places of the timeline."""

from types import SimpleNamespace as Thing

from hypothesis import given
from hypothesis import strategies as st

from tdxviz.ui.present.timeline_marks import (
    LEAST_SPAN,
    brushed,
    event_words,
    flags,
    followed,
    is_page,
    opened,
    touches,
)

SIZES = st.integers(0, 5000)


def entry(title: str, first: int, end: int, attack: bool = False, verdict=None):
    action = Thing(name="attack" if attack else "resume")
    return Thing(title=title, action=action, first_event=first, end_event=end, verdict=verdict)


def test_slices_of_one_run_are_one_flag_with_a_count() -> None:
    entries = [entry("Run", n * 10, n * 10 + 10) for n in range(30)]
    (flag,) = flags(entries)
    assert (flag.first, flag.end, flag.text) == (0, 300, "Run ×30")


def test_attacks_stand_alone_with_their_verdicts() -> None:
    verdict = Thing(shape="ring", word="NO GAIN")
    found = flags([entry("Run", 0, 5), entry("A", 5, 9, True, verdict), entry("A", 9, 12, True, verdict)])
    assert [(f.first, f.end, f.attack, f.shape) for f in found] == [
        (0, 5, False, ""), (5, 9, True, "ring"), (9, 12, True, "ring"),
    ]  # fmt: skip
    assert found[1].word == "NO GAIN"


@given(SIZES, st.floats(0, 5000), st.floats(1, 3000), SIZES)
def test_the_window_always_holds_the_present_moment_and_stays_inside(total, low, span, index) -> None:
    index = min(index, total)
    a, b = followed(low, low + span, index, total)
    assert a <= index <= b or total == 0
    assert a >= 0
    assert b <= max(total, span) + 1e-6
    assert abs(b - a - span) < 1e-6


@given(SIZES, SIZES, st.integers(1, 5000))
def test_a_stroke_becomes_a_window_that_is_never_too_small(one, other, total) -> None:
    low, high = brushed(min(one, total), min(other, total), total)
    assert 0 <= low < high <= max(total, 1)
    assert high - low >= min(LEAST_SPAN, total)


@given(st.floats(10, 4000))
def test_a_window_opens_with_room_for_letters(room) -> None:
    assert LEAST_SPAN <= opened(room) <= max(room / 20, LEAST_SPAN)


def test_an_event_touches_its_line_and_its_page() -> None:
    event = Thing(hpa=0x41_3540)
    assert touches(event, 0x41_3550)
    assert not touches(event, 0x41_3580)
    assert touches(event, 0x41_3000, whole_page=True)
    assert not touches(Thing(), 0x41_3540)
    assert not touches(event, None)
    assert is_page(0x41_3000)
    assert not is_page(0x41_3540)


def test_an_event_in_words_names_its_number_and_fields() -> None:
    from tdxviz.core.events import TlbHit

    event = TlbHit(**{name: 1 for name in TlbHit.__struct_fields__ if name != "actor"})
    words = event_words(7, event, "td-a")
    assert words.startswith("#7 TlbHit")
    assert "Click" in words
