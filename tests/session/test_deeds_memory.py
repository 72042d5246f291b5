"""Calls by name as an action: what an operand may be, and that an answer is not an error."""

import pytest

from tdxviz.core.events import InstructionRetired, LeafReturned, SeamcallFailed, TdExited, VmExited
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout
from tdxviz.session.actions import Action
from tdxviz.session.session import Session


def call(session: Session, **args: object) -> tuple:
    before = session.total
    session.act(Action("call", args))
    return tuple(session.events[before:])


def test_operands_by_name_reach_the_module():
    session = Session("ci")
    (answer,) = call(session, leaf="TDH.MEM.PAGE.AUG", rcx="gpa:password", rdx="td", r8="page:picture")
    assert isinstance(answer, LeafReturned)
    assert answer.inputs == {"RCX": 0x8000_3000, "RDX": layout.TDR, "R8": layout.PRIVATE + 0x4000}
    assert answer.status >> 63 == 1


@pytest.mark.parametrize(("wanted", "value"), [("vcpu", layout.TDVPR), ("hkid", layout.HKIDS[0]), (7, 7)])
def test_other_operands(wanted, value):
    (answer,) = call(Session("ci"), leaf="TDH.MNG.CREATE", rcx="free", rdx=wanted)
    assert answer.inputs["RDX"] == value


def test_without_a_module_the_call_itself_fails():
    (failed,) = call(Session("legacy"), leaf="TDH.MEM.TRACK", rcx="td")
    assert isinstance(failed, SeamcallFailed)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"leaf": "TDH.MEM.TRAK"}, "did you mean 'TDH.MEM.TRACK'"),
        ({"leaf": "TDG.VP.INFO"}, "there is no leaf 'TDG.VP.INFO'"),
        ({"leaf": "TDH.MEM.TRACK", "rcx": "gpa:pasword"}, "did you mean 'password'"),
    ],
)
def test_slips_are_explained(args, words):
    with pytest.raises(TdxvizError, match=words):
        Session("ci").act(Action("call", args))


@pytest.mark.parametrize("world", ["ci", "legacy"])
def test_a_blocked_page_stops_the_guest_until_it_is_unblocked(world):
    session = Session(world)
    session.act(Action("resume", {"until": "password_read"}))
    session.act(Action("page.block", {"at": "password_read"}))
    before = session.total
    session.act(Action("td.enter", {"steps": 3}))
    during = session.events[before:]
    assert not [event for event in during if isinstance(event, InstructionRetired)]
    exit_ = next(event for event in during if isinstance(event, TdExited | VmExited))
    assert "0x80000" in exit_.why
    session.act(Action("page.unblock", {"at": "password_read"}))
    before = session.total
    session.act(Action("td.enter", {"steps": 3}))
    assert sum(isinstance(event, InstructionRetired) for event in session.events[before:]) == 3
