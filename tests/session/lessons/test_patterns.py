"""Patterns in plain words: what a learner still has to see."""

import pytest

from tdxviz.session.lessons.patterns import words


@pytest.mark.parametrize(
    ("wanted", "plain"),
    [
        (
            {"event": "mem.read", "actor": "host", "line": "secret", "world": "legacy", "result": "data"},
            "the host reads the secret in the legacy VM and gets the data",
        ),
        ({"event": "bus.probe", "actor": "probe", "line": "secret"}, "the probe records the secret"),
        ({"event": "td.fatal", "td": "A"}, "TD-A dies"),
        ({"event": "sept.block", "actor": "module"}, "sept.block (actor module)"),
        ({"event": "mem.read", "keyid": 3}, "mem.read (keyid 3)"),
    ],
)
def test_a_pattern_in_words(wanted, plain) -> None:
    assert words(wanted) == plain
