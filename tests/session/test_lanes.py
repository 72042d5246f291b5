from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.session.actions import Action
from tdxviz.session.lanes import Lanes, lane
from tdxviz.session.session import Session


def test_events_that_name_their_actor_are_in_its_lane():
    assert lane(e.TdBecameFatal(td="td-a", why="x")) == "module"
    assert lane(e.MachineCheckRaised(context="td-a", hpa=0)) == "td-a"
    assert lane(e.CacheHit(hpa=0, keyid=0)) == ""


def test_micro_operations_belong_to_who_is_running():
    names = Lanes()
    assert names.of(c.DmaRead(iova=0), [e.CacheHit(hpa=0, keyid=0)]) == ["device"]
    assert names.of(c.Seamcall(rax=0), [e.TdEntered(td="td-b", vcpu=0, lp=2)]) == ["module"]
    assert names.of(c.RunGuest(lp=2), [e.TlbMissed(vpid=1, gla=0)]) == ["td-b"]
    assert names.copy().of(c.RunGuest(lp=2), [e.TlbMissed(vpid=1, gla=0)]) == ["td-b"]


def test_a_running_guest_fills_its_own_lane():
    for world, guest in (("ci", "td-a"), ("legacy", "vm-a")):
        session = Session(world)
        session.act(Action("resume", {"steps": 5}))
        assert set(session.timeline.lanes) == {guest}
