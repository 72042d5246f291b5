import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core.faults import TdxvizError
from tdxviz.session.lessons import safe_yaml


def test_plain_values_are_what_they_look_like():
    text = 'a: 1\nb: [x, "0xCC", 0x10, true]\nc: {d: null, e: 2024-01-02}\n'
    wanted = {"a": 1, "b": ["x", "0xCC", 16, True], "c": {"d": None, "e": "2024-01-02"}}
    assert safe_yaml.load(text) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x\n", "line 1: aliases"),
        ("a: 1\nb: *x\n", "line 2: aliases"),
        ("a: !!python/object/apply:os.system [ls]\n", "line 1: tags"),
        ("a: !thing 1\n", "line 1: tags"),
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is there twice"),
        ("<<: {a: 1}\n", "plain words"),
        ("? [1, 2]\n: 3\n", "plain words"),
        ("[" * 40 + "]" * 40, "nested deeper"),
        ("a: [1\n", "line 2"),
        ("\x00", "not valid YAML|special characters"),
        ("a: " + "9" * 5000, "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "line"),
    ],
)
def test_everything_else_is_refused_with_its_line(text, message):
    with pytest.raises(TdxvizError, match=message):
        safe_yaml.load(text)


def test_lines_are_counted_from_where_the_text_stands_in_its_file():
    with pytest.raises(TdxvizError, match="line 12:"):
        safe_yaml.load("a: 1\na: 2\n", first_line=11)


@given(st.text(max_size=200))
def test_no_text_ever_crashes_it(text):
    with contextlib.suppress(TdxvizError):
        safe_yaml.load(text)
