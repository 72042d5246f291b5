"""A second guest as actions: the same words in every world."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.drive import drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, teardown
from tdxviz.core.observe import observe
from tdxviz.session.actions import Action, expand

SECRET = layout.hpa_of(layout.symbol("password"))


def act(machine, name, **args):
    return drive(machine, expand(machine, Action(name, args)))[0]


def read_by(story, actor):
    return b"".join(
        n.data for n in story if isinstance(n, e.MemoryLoaded) and n.actor == actor and n.kind == "load"
    )


def test_the_module_gives_no_page_to_two_tds(ready):
    machine = ready("ci")
    act(machine, "second.build")
    (answer,) = [n for n in act(machine, "second.give", at="password") if isinstance(n, e.LeafReturned)]
    assert "not free" in answer.reason
    story = act(machine, "second.run")
    assert [n.td for n in story if isinstance(n, e.TdExited)] == ["td-b"]
    assert read_by(story, "td-b") == b""


def test_the_host_gives_any_page_to_two_ordinary_vms(ready):
    machine = ready("legacy")
    act(machine, "second.build")
    act(machine, "second.give", at="password")
    assert read_by(act(machine, "second.run"), "vm-b") == observe(machine, "guest", SECRET, 64).data
    assert machine.platform.lps[layout.SECOND_LP].mode == "host"


@pytest.mark.parametrize("world", ["li", "ci"])
def test_an_heir_gets_the_number_and_the_page_and_no_byte(ready, world):
    machine = ready(world)
    drive(machine, teardown.tear_down(machine))
    act(machine, "second.build")
    assert machine.module.kot[layout.HKIDS[0]].state == "HKID_ASSIGNED"
    act(machine, "second.give", at="password")
    assert read_by(act(machine, "second.run"), "td-b") == bytes(64)


@pytest.mark.parametrize("world", ["legacy", "ci"])
def test_without_one_there_is_nobody_to_give_to(ready, world):
    for name, args in (("second.give", {"at": "password"}), ("second.run", {})):
        with pytest.raises(TdxvizError, match="build one first"):
            act(ready(world), name, **args)
