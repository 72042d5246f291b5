"""The lanes of the comparison: one block an action, marked where the worlds judge differently."""

import pytest
from PySide6.QtCore import Qt

from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui.bridge import Bridge
from tdxviz.ui.present import compare as present
from tdxviz.ui.theme import LIGHT
from tdxviz.ui.views.compare import ComparePanel
from tests.ui import stage_kit as kit


@pytest.fixture(scope="module")
def played() -> Bridge:
    bridge = Bridge(Session("ci"))
    bridge.act(Action("resume", {"steps": 20}))
    bridge.act(Action("attack", {"id": "host-read-keyid0"}))
    bridge.act(Action("attack", {"id": "never-schedule"}))
    bridge.set_compare("legacy")
    return bridge


def test_both_lanes_have_every_action_and_part_where_the_verdicts_do(played) -> None:
    lanes = present.lanes(played.session, played.moment)
    assert lanes is not None
    assert [step.word for step in lanes.other][1] == "SUCCEEDED"
    assert [step.word for step in lanes.this][:2] == ["", "NO GAIN"]
    assert lanes.done == len(lanes.this) == len(lanes.other) == 3
    assert [lanes.differs(n) for n in range(2)] == [False, True]
    same = lanes.other[2].word == lanes.this[2].word
    assert lanes.differs(2) is not same


def test_a_click_on_a_block_goes_to_the_end_of_that_action(qtbot, played) -> None:
    panel = kit.shown(ComparePanel, played, LIGHT, (900, 560))
    qtbot.addWidget(panel)
    panel.show()
    assert panel.lanes.isVisible()
    assert not panel.lanes.grab().isNull()
    for number, entry in enumerate(played.session.entries):
        place = panel.lanes.rect_of(0, number).center().toPoint()
        qtbot.mouseClick(panel.lanes, Qt.MouseButton.LeftButton, pos=place)
        assert played.moment.index == entry.end_event
        assert panel.lanes.lanes.done == number + 1
    assert "Judged differently" in panel.describe()
    played.set_compare(None)
    assert not panel.lanes.isVisible()
    played.set_compare("legacy")
