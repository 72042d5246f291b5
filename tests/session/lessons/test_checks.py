import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.session.lessons import checks
from tdxviz.session.lessons.evidence import Evidence
from tdxviz.session.lessons.facts import Fact

SECRET = (0x41_3540, 64)


@pytest.fixture
def evidence():
    machine = Machine("ci")
    machines = {"": machine, "legacy": None}
    made = Evidence({"secret": SECRET}, machines.get, machine, lambda step, wanted: wanted == "c")
    made.facts = [
        Fact("mem.write", 3, "ci", "host", SECRET[0], 64, ("accepted", "ok"), {"value": "cc"}),
        Fact("mem.read", 5, "ci", "td_a", SECRET[0] + 8, 8, ("poison",)),
        Fact("td.fatal", 7, "ci", "td_a"),
        Fact("mem.read", 9, "legacy", "host", 0x1000, 64, ("data",)),
    ]
    made.verdicts = [{"word": "DETECTED", "class": "detected", "attack": "x", "world": "ci"}]
    made.selected = {"secret"}
    return made


def outcome(raw, evidence):
    return checks.parse(raw, ["secret"])(evidence)


@pytest.mark.parametrize(
    ("raw", "numbers"),
    [
        ({"seen": {"event": "mem.write", "actor": "host", "line": "secret"}}, (3,)),
        ({"seen": {"event": "mem.write", "result": "accepted", "value": "cc"}}, (3,)),
        ({"seen": {"event": "mem.read", "actor": "guest"}}, (5,)),
        ({"seen": {"event": "td.fatal", "td": "A"}}, (7,)),
        ({"seen": [{"event": "mem.write"}, {"event": "mem.read", "world": "legacy"}]}, (3, 9)),
        ({"never": {"event": "exception"}}, ()),
        ({"count": {"event": "mem.read", "min": 2, "max": 2}}, (5, 9)),
        ({"order": [{"event": "mem.write"}, {"event": "td.fatal"}]}, (3, 7)),
        ({"within": {"events": 5, "of": [{"event": "td.fatal"}, {"event": "mem.write"}]}}, (3, 7)),
        ({"verdict": "DETECTED"}, ()),
        ({"verdict": {"class": {"in": ["detected", "prevented"]}, "world": "ci"}}, ()),
        ({"answer": "c"}, ()),
        ({"answer": {"step": "predict", "is": "c"}}, ()),
        ({"select": "secret"}, ()),
        ({"state": {"of": "line", "at": "secret", "field": "poisoned", "eq": False}}, ()),
        ({"state": [{"of": "line", "at": "secret", "field": "host_view", "eq": "00"}]}, ()),
        ({"any": [{"verdict": "NO"}, {"seen": {"event": "td.fatal"}}]}, (7,)),
        ({"all": [{"verdict": "DETECTED"}, {"not": {"seen": {"event": "vmcall"}}}]}, ()),
        ({"seen": {"event": "td.fatal"}, "never": {"event": "exception"}}, (7,)),
    ],
)
def test_checks_that_hold(raw, numbers, evidence):
    result = outcome(raw, evidence)
    assert result.holds
    assert result.numbers == numbers


@pytest.mark.parametrize(
    "raw",
    [
        {"seen": {"event": "mem.write", "actor": "device"}},
        {"seen": {"event": "mem.read", "line": "secret", "world": "legacy"}},
        {"never": {"event": "td.fatal"}},
        {"count": {"event": "mem.read", "min": 3}},
        {"count": {"event": "mem.read", "max": 1}},
        {"order": [{"event": "td.fatal"}, {"event": "mem.write"}]},
        {"within": {"events": 4, "of": [{"event": "td.fatal"}, {"event": "mem.write"}]}},
        {"verdict": "SUCCEEDED"},
        {"answer": "a"},
        {"state": {"of": "line", "at": "secret", "field": "poisoned", "eq": True}},
        {"state": {"world": "legacy", "of": "line", "at": "secret", "field": "owner", "eq": False}},
        {"not": {"seen": {"event": "td.fatal"}}},
        {"any": [{"verdict": "NO"}, {"answer": "b"}]},
    ],
)
def test_checks_that_do_not_hold_say_what_is_missing(raw, evidence):
    result = outcome(raw, evidence)
    assert not result.holds
    assert result.missing


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "at least one"),
        ([], "mapping"),
        ({"sean": {}}, "did you mean 'seen'"),
        ({"seen": {"event": "mem.rad"}}, "did you mean 'mem.read'"),
        ({"seen": {"actor": "host"}}, "event name"),
        ({"seen": []}, "at least one event"),
        ({"seen": {"event": "mem.read", "acter": "x"}}, "did you mean 'actor'"),
        ({"seen": {"event": "mem.read", "line": "sekret"}}, "did you mean 'secret'"),
        ({"seen": {"event": "mem.read", "actor": {"like": "x"}}}, "no comparison 'like'"),
        ({"count": {"event": "mem.read", "min": "x"}}, "numbers"),
        ({"within": {"events": 0, "of": []}}, "number from 1"),
        ({"within": {"events": 3}}, "exactly"),
        ({"state": {"of": "lyne", "field": "x"}}, "did you mean 'line'"),
        ({"state": {"of": "line", "at": "secret", "field": "poison", "eq": 1}}, "poisoned"),
        ({"state": {"of": "td", "field": "fatal"}}, "nothing to compare"),
        ({"state": {"of": "td", "field": "fatal", "eq": True, "why": 1}}, "unknown key"),
        ({"state": []}, "at least one field"),
        ({"answer": {"stop": "x"}}, "did you mean 'step'"),
        ({"select": "sekret"}, "did you mean 'secret'"),
        ({"verdict": {"klass": "x"}}, "did you mean 'class'"),
        ({"all": {}}, "list"),
        ({"not": {"not": {"not": {"not": {"select": "secret"}}}}}, "deeper than 4"),
    ],
)
def test_wrong_checks_are_told(raw, message):
    with pytest.raises(TdxvizError, match=message):
        checks.parse(raw, ["secret"])
