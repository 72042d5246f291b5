"""The text of a demo: what is understood, and what is said of mistakes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core.faults import TdxvizError
from tdxviz.ui.record_cues import VERBS, Cue, parse

GOOD = """tdxrec 1
# a remark
lesson host-writes
set size 1920x1080  set theme light  set scale 1.5  set lang en
chapter "Predict"        hold 4s
caption "When will \\"TD-A\\" notice?"
do attack over 1.5s      wait event mem.write
do host.write at=0x1000 pattern=204
spotlight anchor secret  hold 250ms   # and so on
spotlight off  banner    layout stage  world legacy  go 7 over 2s  go end
"""


def test_a_demo_is_read_in_order() -> None:
    made = parse(GOOD)
    assert (made.kind, made.source) == ("lesson", "host-writes")
    assert made.settings == {"size": "1920x1080", "theme": "light", "scale": "1.5", "lang": "en"}
    assert made.cues == [
        Cue(5, "chapter", ("Predict",)),
        Cue(5, "hold", seconds=4.0),
        Cue(6, "caption", ('When will "TD-A" notice?',)),
        Cue(7, "do", ("attack",), (), 1.5),
        Cue(7, "wait", ("mem.write",)),
        Cue(8, "do", ("host.write",), (("at", "0x1000"), ("pattern", "204"))),
        Cue(9, "spotlight", ("anchor", "secret")),
        Cue(9, "hold", seconds=0.25),
        Cue(10, "spotlight", ("off",)),
        Cue(10, "banner"),
        Cue(10, "layout", ("stage",)),
        Cue(10, "world", ("legacy",)),
        Cue(10, "go", ("7",), (), 2.0),
        Cue(10, "go", ("end",)),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "begins with the line"),
        ("tdxrec 2\nlesson a hold 1s", 1, "begins with the line"),
        ("tdxrec 1\nhold 1s", 2, "plays nothing"),
        ("tdxrec 1\nlesson a", 2, "nothing is ever shown"),
        ("tdxrec 1\nlesson a\nholt 1s", 3, "did you mean 'hold'?"),
        ("tdxrec 1\nlesson a\nlesson b", 3, "already plays"),
        ("tdxrec 1\nlesson a hold 1", 2, "no duration"),
        ("tdxrec 1\nlesson a hold 0s", 2, "more than 0"),
        ("tdxrec 1\nlesson a hold 9999s", 2, "at most"),
        ("tdxrec 1\nlesson a hold", 2, "is missing"),
        ('tdxrec 1\nlesson a\ncaption "open', 3, "not closed"),
        ("tdxrec 1\nlesson a\nchapter Predict", 3, "in quotes"),
        ("tdxrec 1\nlesson a hold 1s\nset theme dark", 3, "before the first cue"),
        ("tdxrec 1\nset theme dark set theme light", 2, "set twice"),
        ("tdxrec 1\nset tehme dark", 2, "did you mean 'theme'?"),
        ("tdxrec 1\nlesson a spotlight moon x", 2, "known: anchor, panel, off"),
        ("tdxrec 1\nlesson a world mars", 2, "'mars' is unknown"),
        ("tdxrec 1\nlesson a go soon", 2, "neither an event number"),
        ("tdxrec 1\nlesson a\n" + "hold 600s\n" * 7, 9, "the limit is"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(TdxvizError) as slip:
        parse(text, "d.tdxrec")
    assert str(slip.value).startswith(f"d.tdxrec:{line}: ")
    assert words in str(slip.value)


@given(
    st.lists(
        st.sampled_from([*VERBS, "over", '"', '"a b"', "1s", "x=1", "\n", "#", "off", "event"]), max_size=20
    )
)
def test_no_text_does_worse_than_a_slip(words: list[str]) -> None:
    try:
        made = parse("tdxrec 1\n" + " ".join(words))
    except TdxvizError as slip:
        assert "demo.tdxrec:" in str(slip)
    else:
        assert made.source
        assert sum(cue.seconds for cue in made.cues) > 0
