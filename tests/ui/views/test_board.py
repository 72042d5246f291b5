"""A painted panel repaints when its picture changes, and only then."""

import pytest

from tdxviz.session.actions import Action
from tdxviz.ui.studio import look, settle, studio
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.eyes import EyesPanel
from tdxviz.ui.views.verdict import VerdictPanel

SPARING = (Board, EyesPanel, VerdictPanel)
"""Those that compare the new picture with the painted one."""


@pytest.fixture(scope="module")
def made():
    with studio(look("1600x1000")) as found:
        found.control.sandbox()
        found.control.bridge.act(Action("attack", {"id": "bit-flip-ciphertext"}))
        found.arrange("workbench")
        found.window.workspace.docks["vcpu"].raise_()
        settle()
        yield found


def pictures(panels):
    return {panel.name: panel.grab().toImage() for panel in panels}


def test_what_is_not_repainted_would_look_the_same(made, monkeypatch) -> None:
    panels = [p for p in made.window.workspace.visible_panels() if isinstance(p, SPARING) and p.isVisible()]
    assert len(panels) >= 6
    asked: set[str] = set()
    for panel in panels:
        monkeypatch.setattr(panel, "update", lambda n=panel.name: asked.add(n))
    bridge = made.control.bridge
    spared = 0
    for index in (*range(460, 482), 3, 476, bridge.session.total, bridge.session.total - 3):
        before = pictures(panels)
        asked.clear()
        bridge.go_to(index)
        for name, picture in pictures(panels).items():
            if name not in asked:
                spared += 1
                assert picture == before[name], f"{name} shows an old picture at event {index}"
    assert spared > 40


@pytest.mark.parametrize("name", ["exit", "predictor"])
def test_the_border_is_repainted_only_when_something_passed_it(made, name) -> None:
    bridge, workspace = made.control.bridge, made.window.workspace
    bridge.go_to(470)
    workspace.reveal(name)
    settle()
    panel = workspace.panel(name)
    assert panel.isVisible()
    painted = 0
    for index in range(471, 491):
        before, seen = panel.grab().toImage(), panel._seen
        bridge.go_to(index)
        painted += panel._seen != seen
        if panel._seen == seen:
            assert panel.grab().toImage() == before, f"{name} shows an old picture at event {index}"
    assert painted < 10
    workspace.docks["vcpu"].raise_()
    settle()


def test_panels_ask_each_question_once_between_them(made) -> None:
    bridge = made.control.bridge
    bridge.go_to(470)
    moment = bridge.moment
    questions = bridge.questions(moment)
    assert bridge.questions(moment) is questions
    panels = [p for p in made.window.workspace.visible_panels() if isinstance(p, Board) and p.isVisible()]
    assert {id(panel.ask) for panel in panels} == {id(questions)}
    assert bridge.questions_at(469) is not questions
    assert bridge.questions_at(470) is questions


def test_answers_about_the_end_are_not_kept_when_the_machine_goes_on(made) -> None:
    bridge = made.control.bridge
    bridge.go_to(bridge.session.total)
    end, machine = bridge.session.total, bridge.moment.machine
    before = bridge.questions(bridge.moment).seen("host", 0x20_0000, 64)
    bridge.act(Action("host.write", {"at": "0x200000", "size": 64, "pattern": 0xA5}))
    assert bridge.moment.machine is machine
    assert bridge.questions(bridge.moment).seen("host", 0x20_0000, 64) != before
    again = bridge.questions_at(end)
    assert again.machine is not machine
    assert again.seen("host", 0x20_0000, 64) == before
