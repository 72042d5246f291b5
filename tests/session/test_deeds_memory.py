"""Calls by name as an action: what an operand may be, and that an answer is not an error."""

import pytest

from tdxviz.core.events import LeafReturned, SeamcallFailed
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
