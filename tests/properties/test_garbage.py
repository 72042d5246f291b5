"""Strangers' files: whatever bytes they hold, the answer is a story or one clear line."""

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core import codec
from tdxviz.core.faults import TdxvizError
from tdxviz.session import journal
from tdxviz.session.lessons import format as lesson_format
from tdxviz.session.session import Session

HEADER = b'{"tdxs":1,"scenario":"empty"}\n'
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "hpa",
        "size",
        "keyid",
        "data",
        "lp",
        "steps",
        "bit",
        "field",
        "iova",
        "rax",
        "rcx",
        "vm",
        "gpa",
    ]
)
NEARLY_COMMANDS = st.builds(
    lambda name, fields: {"do": name, **fields},
    st.sampled_from(sorted(codec.COMMANDS)),
    st.dictionaries(FIELDS, SCALARS, max_size=4),
)
WHOLE_NUMBERS = st.integers(-(2**65), 2**65) | st.integers(-2, 70) | st.sampled_from([2**32, 2**46])
TYPED_COMMANDS = st.builds(
    lambda name, fields: {"do": name, "hpa": 4096, "iova": 0, **fields},
    st.sampled_from(["HostRead", "DumpDimm", "FlipBit", "BusCapture", "EvictLine", "DmaRead", "Seamcall"]),
    st.dictionaries(FIELDS, WHOLE_NUMBERS, max_size=4),
)


def open_bytes(tmp_path_factory, data: bytes) -> str:
    """What opening such a file is answered with; empty when it opens."""
    path = tmp_path_factory.mktemp("script") / "s.tdxs"
    path.write_bytes(data)
    try:
        Session.open(path)
    except TdxvizError as error:
        return str(error)
    return ""


def clear(answer: str) -> bool:
    """Either it opened, or one line says where."""
    return not answer or (answer.startswith("s.tdxs") and "\n" not in answer)


@given(data=st.binary(max_size=300))
def test_any_bytes_as_a_script(data):
    try:
        journal.parse(HEADER + data)
    except TdxvizError as error:
        assert str(error).startswith("script")


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(NEARLY_COMMANDS | VALUES | TYPED_COMMANDS, max_size=4))
def test_any_json_as_a_script(tmp_path_factory, rows):
    lines = [json.dumps(row).encode() for row in rows]
    assert clear(open_bytes(tmp_path_factory, HEADER + b"\n".join(lines) + b"\n"))


@settings(max_examples=60, deadline=None)
@given(
    args=st.dictionaries(st.sampled_from(["at", "size", "keyid", "bit", "steps", "lp"]), VALUES),
    name=st.sampled_from(["host.read", "host.write", "probe.flip", "probe.dump", "device.read"]),
)
def test_any_arguments_of_an_action(tmp_path_factory, args, name):
    row = {"action": name, "args": args}
    assert clear(open_bytes(tmp_path_factory, HEADER + json.dumps(row).encode() + b"\n"))


@given(data=st.binary(max_size=300))
def test_any_bytes_as_a_lesson(data):
    for whole in (data, b"---\n" + data + b"\n---\n# hook\n"):
        with contextlib.suppress(TdxvizError):
            lesson_format.parse(whole)


@given(text=st.text(max_size=300))
def test_any_text_as_front_matter(text):
    with contextlib.suppress(TdxvizError):
        lesson_format.parse(b"---\nformat: tdxlesson/1\n" + text.encode("utf-8", "replace") + b"\n---\n")
