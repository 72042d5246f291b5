import pytest

from tdxviz.core import commands as c
from tdxviz.core.drive import drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.session.actions import Action, arguments, deed, describe, expand, registry
from tdxviz.session.session import Session


def test_every_row_of_the_registry_can_be_loaded_and_described():
    from importlib import import_module

    for name, row in registry().items():
        module, _, function = row.module.partition(":")
        assert callable(getattr(import_module(module), function)), name
        assert row.tooltip and row.title
        assert "{" not in describe(Action(name))


def test_wrong_names_are_told_with_the_nearest_right_one():
    with pytest.raises(TdxvizError, match=r"did you mean 'host\.read'"):
        deed("host.reed")
    with pytest.raises(TdxvizError, match="has no 'sise'; did you mean 'size'"):
        arguments(Action("host.read", {"at": 0, "sise": 8}))
    with pytest.raises(TdxvizError, match=r"host\.read"):
        arguments(Action("host.read", {"at": 0, "size": "many"}))
    with pytest.raises(TdxvizError, match="required field `at`"):
        arguments(Action("host.read"))


def commands_of(action: Action, world="ci") -> list[c.Command]:
    machine = Machine(world)
    seen: list[c.Command] = []
    script = expand(machine, action)
    try:
        command = next(script)
        while True:
            seen.append(command)
            command = script.send(machine.do(command))
    except StopIteration:
        return seen


def test_a_host_read_first_clears_the_ways_then_loads():
    seen = commands_of(Action("host.read", {"at": "0x200000", "size": 8}))
    assert [type(one) for one in seen] == [c.EvictLine, c.FlushLine, c.HostRead]
    assert seen[-1] == c.HostRead(hpa=0x20_0000, size=8, keyid=0, lp=1)
    bare = commands_of(Action("host.read", {"at": 0x20_0000, "evict": False}))
    assert [type(one) for one in bare] == [c.HostRead]


def test_lines_are_flushed_and_timed_one_by_one_and_a_branch_is_trained():
    seen = commands_of(Action("host.flush_lines", {"at": 0x20_0010, "count": 2}))
    assert seen == [c.FlushLine(hpa=hpa, keyid=0, lp=1) for hpa in (0x20_0000, 0x20_0040)]
    seen = commands_of(Action("host.time_lines", {"at": 0x20_0000, "count": 1}))
    assert seen == [c.HostTime(hpa=0x20_0000, keyid=0, lp=1)]
    seen = commands_of(Action("host.train", {"at": 0x40, "to": "0x80", "lp": 2}))
    assert seen == [c.HostBranch(at=0x40, to=0x80, lp=2)]


def test_data_is_hex_or_a_repeated_pattern():
    seen = commands_of(Action("host.write", {"at": 0x20_0000, "data": "0a0b"}))
    assert seen[-1].data == b"\x0a\x0b"
    seen = commands_of(Action("host.write", {"at": 0x20_0000, "pattern": 0x33, "size": 3}))
    assert seen[-1].data == b"333"


@pytest.mark.parametrize(
    "action",
    [
        Action("host.write", {"at": 0, "data": "xyz"}),
        Action("host.write", {"at": 0, "how": "sideways"}),
        Action("host.read", {"at": 0, "size": 5000}),
        Action("host.read", {"at": 0, "keyid": "gast"}),
        Action("host.read", {"at": "passwort"}),
        Action("host.read", {"at": "password+x"}),
        Action("host.time_lines", {"at": 0, "count": 0}),
        Action("host.flush_lines", {"at": 0, "count": 1 << 40}),
        Action("host.train", {"at": "nowhere", "to": 0}),
        Action("probe.flip", {"at": 0, "field": "maccaroni"}),
        Action("resume", {"steps": 0}),
        Action("resume", {"lp": 99}),
        Action("touch", {"at": 0, "kind": "lick"}),
        Action("attack", {"id": "host-read"}),
        Action("command", {"command": {"do": "HostReed"}}),
        Action("command", {"command": {"do": "HostRead", "hpa": "x"}}),
    ],
)
def test_slips_are_errors_before_anything_happens(action):
    machine = Machine("legacy")
    before = machine.fingerprint()
    with pytest.raises(TdxvizError):
        drive(machine, expand(machine, action))
    assert machine.fingerprint() == before


def test_a_raw_command_is_taken_as_it_is():
    raw = {"do": "BusCapture", "hpa": 0x20_0000}
    assert commands_of(Action("command", {"command": raw})) == [c.BusCapture(hpa=0x20_0000)]


def test_a_host_works_on_the_guests_memory_and_ends_it(ready):
    """Every action about a TD's pages, one after the other, on one machine."""
    machine = ready("ci")
    for name, args in (
        ("page.relocate", {"at": "password"}), ("page.remove", {"at": "password"}),
        ("page.add", {"at": "password"}), ("page.add", {"at": 0x8020_0000, "level": 1}),
        ("page.demote", {"at": 0x8020_0000}), ("page.promote", {"at": 0x8020_0000}), ("td.kick", {}),
        ("td.end", {}), ("td.build", {"debug": True}), ("td.look", {"at": "password", "size": 16}),
    ):  # fmt: skip
        events, verdict = drive(machine, expand(machine, Action(name, args)))
        assert verdict is None
        assert events or name == "td.kick", name
    assert machine.module.actors == {0x60_0000: "td-b"}


def test_actions_on_a_td_say_what_is_wrong(ready):
    for world, action, reason in (
        ("legacy", Action("page.remove", {"at": "password"}), "TDX world"),
        ("ci", Action("page.demote", {"at": "password", "level": 3}), "level: 3 must be"),
        ("ci", Action("td.look", {"at": "password"}), "TDX_TD_NON_DEBUG"),
        ("ci", Action("page.add", {"at": "password"}), "TDX_EPT_ENTRY_STATE_INCORRECT"),
        ("ci", Action("td.build"), "end it first"),
    ):
        machine = ready(world)
        with pytest.raises(TdxvizError, match=reason):
            drive(machine, expand(machine, action))


@pytest.mark.parametrize("world", ["legacy", "ci"])
def test_writing_a_register_is_the_worlds_own_way(world):
    session = Session(world)
    session.act(Action("resume", {"until": "password_read"}))
    session.act(Action("interrupt"))
    session.act(Action("vp.write", {"register": "RIP", "value": "spent"}))
    last = session.events[-1]
    if world == "legacy":
        assert (type(last).__name__, last.value) == ("VmStateWritten", session.machine.books.symbol("spent"))
    else:
        assert (last.name, last.status >> 63) == ("TDH.VP.WR", 1)
    with pytest.raises(TdxvizError, match="did you mean 'RBX'"):
        session.act(Action("vp.write", {"register": "RBY", "value": 1}))
