"""The leaf inspector as a person uses it: choose, type, try, issue, read."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QPushButton

from tdxviz.core.arch.leaves import LEAVES
from tdxviz.core.events import LeafReturned, SeamcallHeld
from tdxviz.session.session import Session
from tdxviz.ui.bridge import Bridge
from tdxviz.ui.panel import Hit
from tdxviz.ui.present import leaf_answer
from tdxviz.ui.theme import LIGHT, THEMES
from tdxviz.ui.views.leaf_form import RAW
from tdxviz.ui.views.leaf_inspector import NO_GUEST, TICKED, TRIED, LeafInspectorPanel
from tests.ui import stage_kit as kit

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def session() -> Session:
    return Session("ci")


@pytest.fixture
def panel(qtbot, session) -> LeafInspectorPanel:
    session.go_to(0)
    made = kit.shown(LeafInspectorPanel, Bridge(session), LIGHT, (620, 560))
    qtbot.addWidget(made)
    return made


def field(panel, register: str) -> QLineEdit:
    found = panel.findChild(QLineEdit, f"operand_{register}")
    assert found is not None
    return found


def press(qtbot, panel, name: str) -> None:
    qtbot.mouseClick(panel.findChild(QPushButton, name), LEFT)


def test_issuing_a_call_is_an_action_of_the_script(qtbot, panel) -> None:
    panel.picker.choose("TDH.MEM.PAGE.AUG")
    assert field(panel, "RDX").text() == "0x600000"
    press(qtbot, panel, "issue")
    entry = panel.bridge.session.entries[-1]
    assert entry.action.name == "command"
    assert entry.action.args["command"]["do"] == "Seamcall"
    call, number, _ = panel.shown_call()
    assert call.status == 0
    assert panel.bridge.session.events[number] is call
    press(qtbot, panel, "issue")
    call, _, _ = panel.shown_call()
    assert call.reason
    assert "failed" in panel.describe()


def test_trying_changes_nothing(qtbot, panel) -> None:
    before = panel.moment.machine.fingerprint(), len(panel.bridge.session.events)
    panel.picker.choose("TDH.MNG.CREATE")
    press(qtbot, panel, "try")
    call, number, remark = panel.shown_call()
    assert (call.status, number, remark) == (0, None, TRIED)
    assert before == (panel.moment.machine.fingerprint(), len(panel.bridge.session.events))
    field(panel, "RDX").clear()
    qtbot.keyClicks(field(panel, "RDX"), "0x21")
    assert panel.trial is None
    press(qtbot, panel, "try")
    assert panel.shown_call()[0].reason == "HKID 0x21 is HKID_ASSIGNED"


def test_what_is_no_number_is_told_and_not_sent(qtbot, panel) -> None:
    panel.picker.choose("TDH.MEM.TRACK")
    field(panel, "RCX").clear()
    qtbot.keyClicks(field(panel, "RCX"), "the td")
    count = len(panel.bridge.session.entries)
    press(qtbot, panel, "issue")
    assert len(panel.bridge.session.entries) == count
    assert "is no number" in panel.told.text()
    press(qtbot, panel, "refill")
    assert field(panel, "RCX").text() == "0x600000"


def test_the_last_call_is_followed_through_time(qtbot, panel) -> None:
    panel.picker.choose("TDH.MEM.TRACK")
    press(qtbot, panel, "issue")
    end = panel.bridge.session.total
    panel.picker.choose("")
    assert panel.leaf().name == "TDH.MEM.TRACK"
    assert panel.shown_call()[1] is not None
    panel.bridge.go_to(0)
    assert panel.shown_call()[1] is None
    panel.bridge.go_to(end)
    assert panel.shown_call()[0].name == "TDH.MEM.TRACK"


def test_a_guest_leaf_is_made_by_the_vcpu_that_runs(qtbot, panel) -> None:
    panel.picker.choose("TDG.VP.INFO")
    assert panel.lp.currentText() == "LP0"
    press(qtbot, panel, "try")
    assert panel.shown_call()[0].outputs["RCX"] == 48
    press(qtbot, panel, "issue")
    assert panel.bridge.session.entries[-1].action.args["command"]["do"] == "Tdcall"
    assert panel.shown_call()[0].side == "guest"
    panel.lp.setCurrentIndex(3)
    assert not panel.issue.isEnabled()
    assert panel.told.text() == NO_GUEST
    panel.picker.choose("TDH.MEM.TRACK")
    assert panel.lp.currentText() != "LP0"
    assert panel.issue.isEnabled()


def marks(panel) -> list[str]:
    return [row.mark for row in leaf_answer.checks(panel.leaf(), panel.shown_call()[0])]


def test_checks_are_ticked_one_by_one_and_stop_before_the_effects(qtbot, panel) -> None:
    panel.bridge.go_to(0)
    panel.picker.choose("TDH.MEM.SEPT.ADD")
    press(qtbot, panel, "refill")
    before, count = panel.moment.machine.fingerprint(), len(panel.bridge.session.entries)
    total, call = len(panel.leaf().checks), None
    assert not panel.proceed.isEnabled()
    for number in range(1, total + 1):
        press(qtbot, panel, "tick")
        call, at, remark = panel.shown_call()
        assert isinstance(call, SeamcallHeld)
        assert (call.passed, at, remark) == (number, None, TICKED)
        assert marks(panel)[:number] == ["passed"] * number
        if number in (1, 12):
            kit.painted(panel)
        if panel.proceed.isEnabled():
            break
    assert panel.moment.machine.fingerprint() == before
    assert len(panel.bridge.session.entries) == count
    assert isinstance(call, SeamcallHeld)
    assert call.name == "TDH.MEM.SEPT.ADD"
    assert panel.proceed.isEnabled()
    assert "Inside the module" not in panel.describe()
    assert "next" in marks(panel)  # of the row; this version of the leaf has no more
    assert "next" not in [row.mark for row in leaf_answer.checks(panel.leaf(), call, at_end=panel._at_end)]


def test_a_call_that_passed_all_its_checks_proceeds_for_real(qtbot, panel) -> None:
    panel.bridge.go_to(0)
    panel.picker.choose("TDH.MEM.PAGE.AUG")
    press(qtbot, panel, "refill")
    while not panel.proceed.isEnabled():
        press(qtbot, panel, "tick")
        assert isinstance(panel.trial, SeamcallHeld), panel.trial
    assert any("exclusive" in lock for lock in panel.trial.locks)
    assert "before its effects" not in panel.told.text()
    press(qtbot, panel, "proceed")
    call, number, _ = panel.shown_call()
    assert isinstance(call, LeafReturned)
    assert (call.status, call.passed) == (0, len(panel.leaf().checks))
    assert number is not None
    press(qtbot, panel, "tick")
    assert panel.ticked() == 1  # from the first again


def test_a_held_call_keeps_its_locks_until_it_proceeds(qtbot, panel) -> None:
    bridge = panel.bridge
    bridge.go_to(0)
    panel.picker.choose("TDH.MEM.PAGE.AUG")
    press(qtbot, panel, "refill")
    lp = panel.lp.currentIndex()
    before = bridge.moment.machine.copy()
    press(qtbot, panel, "hold")
    held, number, remark = panel.shown_call()
    assert isinstance(held, SeamcallHeld)
    assert bridge.session.events[number or bridge.session.total - 1].lp == lp
    assert f"LP{lp}" in remark
    panel.lp.setCurrentIndex(
        next(n for n in range(panel.lp.count()) if n != lp and panel.ask.modes()[n] == "host")
    )
    press(qtbot, panel, "try")
    assert (
        "BUSY" in leaf_answer.answer(panel.shown_call()[0]).status
    )  # another processor finds the page locked
    panel._edited()
    press(qtbot, panel, "proceed")
    assert bridge.session.entries[-1].action.args["command"] == {"do": "Proceed", "lp": lp}
    call = panel.shown_call()[0]
    assert isinstance(call, LeafReturned)
    assert call.status == 0
    assert bridge.moment.machine.fingerprint() != before.fingerprint()
    assert not panel.proceed.isEnabled()


def test_any_registers_can_be_typed(qtbot, panel) -> None:
    panel.bridge.go_to(0)
    panel.picker.choose(RAW)
    assert field(panel, "RAX").text() == "0"
    for text, words in (
        ("999", "no leaf 999"), ("0x2030004", "reserved bits"), ("0x00070006", "no version 7"),
    ):  # fmt: skip
        field(panel, "RAX").clear()
        qtbot.keyClicks(field(panel, "RAX"), text)
        panel.lp.setCurrentIndex(1)
        press(qtbot, panel, "try")
        assert words in panel.shown_call()[0].reason
        assert "the dispatcher refused it" in panel.describe().lower()
    field(panel, "RAX").clear()
    qtbot.keyClicks(field(panel, "RAX"), "9")
    press(qtbot, panel, "issue")
    assert panel.bridge.session.entries[-1].action.args["command"]["rax"] == 9
    assert panel.leaf().name == panel.bridge.session.events[-1].name
    assert panel.leaf().checks


def test_a_failing_check_far_down_is_brought_into_sight(qtbot, panel) -> None:
    panel.resize(620, 330)
    panel.show()
    panel.picker.choose("TDH.MEM.PAGE.AUG")
    panel.bridge.go_to(0)
    press(qtbot, panel, "refill")
    press(qtbot, panel, "issue")
    press(qtbot, panel, "issue")
    row = marks(panel).index("failed")
    assert row > 5
    kit.painted(panel.board)
    kit.painted(panel.board)
    hit = next(Hit(*h) for h in panel.board.hits if Hit(*h).tooltip.startswith(f"Check {row + 1}:"))
    assert panel.board.rect().contains(hit.rect.toRect())


def test_a_refusing_lesson_is_heard(qtbot, panel) -> None:
    said = []
    panel.bridge.slipped.connect(said.append)
    panel.bridge.guard = lambda action: "not in this step"
    count = len(panel.bridge.session.entries)
    press(qtbot, panel, "issue")
    assert said == ["not in this step"]
    assert len(panel.bridge.session.entries) == count


@pytest.mark.parametrize("theme", [*THEMES.values(), LIGHT.scaled(2.5), LIGHT.scaled(0.7)])
@pytest.mark.parametrize("size", [(240, 200), (620, 560), (1100, 700)])
def test_paints_at_every_size(qtbot, session, theme, size) -> None:
    session.go_to(session.total)
    made = kit.shown(LeafInspectorPanel, Bridge(session), theme, size)
    qtbot.addWidget(made)
    before = made.moment.machine.fingerprint()
    kit.painted(made)
    assert all(f.line.width() <= made.width() for f in made.form.fields)
    made.set_theme(theme.scaled(1.0))
    kit.painted(made)
    assert made.moment.machine.fingerprint() == before


def test_every_leaf_can_be_looked_at(qtbot, panel) -> None:
    for leaf in LEAVES:
        panel.picker.choose(leaf.name)
        assert panel.leaf() is leaf
        assert leaf.name in panel.describe()
    kit.painted(panel)


def test_the_legacy_world_answers_too(qtbot) -> None:
    made = kit.shown(LeafInspectorPanel, kit.bridge("legacy"), LIGHT, (620, 560))
    qtbot.addWidget(made)
    made.picker.choose("TDH.MNG.CREATE")
    made.do_try()
    assert "SEAMCALL itself fails here: #UD" in made.shown_call()[2]
