"""Colours and problems of a source text, without a window."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core.host.guest_run import Outcome
from tdxviz.ui.present import editor


def test_every_kind_of_token_has_its_role():
    line = '_start: rep movsb ; .byte 0x10, "a" ; mov rax, x # why'
    roles = [(line[start : start + length], role) for start, length, role in editor.spans(line)]
    assert roles == [
        ("_start", "label"), ("rep", "mnemonic"), ("movsb", "mnemonic"), (".byte", "directive"),
        ("0x10", "number"), ('"a"', "string"), ("mov", "mnemonic"), ("rax", "register"), ("# why", "comment"),
    ]  # fmt: skip


def test_what_cannot_be_read_is_marked_from_there():
    assert editor.spans('mov "abc') == [(0, 3, "mnemonic"), (4, 4, "wrong")]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_line_has_colours_inside_itself(line):
    for start, length, _ in editor.spans(line):
        assert start >= 0 and start + length <= len(line)


def test_problems_and_size():
    assert editor.problems("nop\nret") == ()
    assert [(p.line, p.column) for p in editor.problems("nop\nbad")] == [(2, 1)]
    assert (editor.size("nop\nret"), editor.size("bad"), editor.size("")) == (2, 0, 0)


def test_the_gallery_is_offered():
    names = [name for name, _ in editor.choices()]
    assert "hello" in names
    assert editor.source_of("hello").startswith("# hello: ")


@pytest.mark.parametrize("code", [0, 3])
def test_the_ending_says_why(code):
    text = editor.ending(Outcome(b"", code, 1234, "exit", f"it wrote {code} to port 0xF4"))
    assert text == f"[exit: it wrote {code} to port 0xF4; 1,234 instructions]"
