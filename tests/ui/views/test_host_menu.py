"""Choosing how the host serves the guest, in the editor."""

import pytest

from tdxviz.core.host.conduct import NAMES
from tdxviz.ui.theme import LIGHT
from tdxviz.ui.views.editor import EditorPanel
from tests.ui import stage_kit as kit

ASK = "mov ecx, 0x1b\nrdmsr\nmov rdi, rax\nmov al, dil\nout 0xF4, al\n"


@pytest.fixture
def panel(qtbot):
    made = kit.shown(EditorPanel, kit.bridge(), LIGHT, (900, 500))
    qtbot.addWidget(made)
    yield made
    made.program.stop()


def code(panel, qtbot) -> int:
    with qtbot.waitSignal(panel.program.ended, timeout=60_000) as blocker:
        panel.run("ci")
    return blocker.args[0].exit_code


def test_each_sub_function_has_its_choices_and_one_is_chosen(panel):
    menu = panel.host
    assert menu.text() == "Host: honest"
    for name in NAMES:
        assert menu.actions_[name, "honest"].isChecked()
    menu.actions_["MapGPA", "only says"].trigger()
    assert menu.chosen == {"MapGPA": "only says"}
    assert menu.text() == "Host: MapGPA only says"
    menu.actions_["Instruction.HLT", "wakes"].trigger()
    assert (menu.text(), menu.actions_["MapGPA", "only says"].isChecked()) == ("Host: 2 lies", True)
    menu.actions_["MapGPA", "honest"].trigger()
    assert menu.chosen == {"Instruction.HLT": "wakes"}
    menu.choose({})
    assert menu.text() == "Host: honest"


def test_the_choice_decides_what_the_guest_is_told(panel, qtbot):
    panel.text.setPlainText(ASK)
    assert code(panel, qtbot) == 0
    panel.host.actions_["Instruction.RDMSR", "inverts"].trigger()
    assert code(panel, qtbot) == 0xFF
    session = panel.program.session
    assert session.actions[0].args["conduct"] == {"Instruction.RDMSR": "inverts"}
    session.switch_world("li")
    assert session.timeline.entries[-1].problem == ""
