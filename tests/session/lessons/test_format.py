import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.session.lessons.format import LARGEST, parse, read

GOOD = """---
format: tdxlesson/1
id: small
title: Small
level: novice
minutes: 3
objective: See that it parses.
misconception: {id: M99, text: "It does not."}
anchors:
  secret: {kind: line, td: A, symbol: password}
steps:
  - id: predict
    phase: predict
    ask: {type: choice, options: [{id: a, misconception: M99}, {id: b, correct: true}]}
  - id: look
    phase: observe
    check: {select: secret}
    hints: [h1]
    auto: {do: select, target: secret}
---
# hook
Look.

# predict
What now?
- a: This.
- b: That.
- c: not an option

# feedback.a
No.

# look
See [[secret]].

# hint.h1
There.
"""


def test_structure_and_prose_are_bound_by_id():
    lesson = parse(GOOD.encode())
    predict, look = lesson.steps
    assert lesson.option_texts(predict) == {"a": "This.", "b": "That."}
    assert lesson.text(predict) == "What now?\n- c: not an option"
    assert lesson.text(look) == "See [[secret]]."
    assert lesson.feedback(predict, "a") == "No."
    assert lesson.feedback(look, "a") == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("---\nformat", "format", "line 1: a lesson begins"),
        ("tdxlesson/1", "tdxlesson/9", "is not 'tdxlesson/1'"),
        ("minutes: 3", "minuts: 3", "unknown key 'minuts'; did you mean 'minutes'"),
        ("minutes: 3", "minutes: three", "minutes: Expected `int`"),
        ("minutes: 3\n", "", "missing required field `minutes`"),
        ("level: novice", "level: easy", "level: Invalid enum value 'easy'"),
        ("phase: observe", "phase: watch", r"steps\[...\].phase|steps\[1\].phase"),
        ("    check:", "    chek:", "unknown key 'chek'; did you mean 'check'"),
        ("correct: true", "corect: true", "did you mean 'correct'"),
        ("id: look", "id: predict", "the id 'predict' is there twice"),
        ("# look", "# hook", "the heading 'hook' is there twice"),
        ("---\n# hook", "---\nhello\n# hook", "text before the first heading"),
        ("id: small", "id: !x small", "line 3: tags"),
    ],
)
def test_mistakes_are_told_where_they_are(old, new, message):
    assert old in GOOD
    with pytest.raises(TdxvizError, match=message):
        parse(GOOD.replace(old, new, 1).encode())


def test_bytes_that_are_no_lesson(tmp_path):
    for data in (b"", b"\xff\xfe", b"---\n", b"---\n- 1\n---\n", b"x" * (LARGEST + 1)):
        with pytest.raises(TdxvizError):
            parse(data)
    with pytest.raises(TdxvizError, match="cannot be read"):
        read(tmp_path / "none.md")
    with pytest.raises(TdxvizError, match="cannot be read"):
        read(tmp_path)
