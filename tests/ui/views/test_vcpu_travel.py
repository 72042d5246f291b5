"""Stepping through a silent run with the vCPU panel's buttons, its ruler, the keys and the console."""

import pytest
from PySide6.QtGui import QPixmap

from tdxviz.session.actions import Action
from tdxviz.ui.studio import look, settle, studio

RUN = 20_000


@pytest.fixture(scope="module")
def made():
    with studio(look("1600x900")) as found:
        found.control.sandbox()
        found.control.bridge.act(Action("resume", {"steps": RUN, "trace": False}))
        found.arrange("border")
        settle()
        yield found


def hits(panel, words):
    panel.grab()
    return [hit for hit in panel.hits if hit.tooltip.startswith(words)]


def test_the_panel_steps_back_and_on_inside_the_run(made):
    bridge, panel = made.control.bridge, made.window.workspace.panels["vcpu"]
    bridge.go_to(bridge.session.total)
    assert bridge.moment.instruction == bridge.moment.instructions == RUN
    seen = []
    for _ in range(3):
        panel.activate(hits(panel, "One instruction back")[0])
        seen.append(
            (bridge.moment.instruction, panel.picture().registers, bridge.moment.machine.fingerprint())
        )
    assert [row[0] for row in seen] == [RUN - 1, RUN - 2, RUN - 3]
    for wanted in reversed(seen[:-1]):
        panel.activate(hits(panel, "One instruction on")[0])
        assert (bridge.moment.instruction, bridge.moment.machine.fingerprint()) == (wanted[0], wanted[2])
    assert f"instruction {RUN - 1:,} of {RUN:,}" in panel.describe().lower()
    assert not QPixmap(panel.grab()).isNull()


def test_the_ruler_jumps_and_what_changed_is_marked(made):
    bridge, panel = made.control.bridge, made.window.workspace.panels["vcpu"]
    middle = hits(panel, "Go to instruction ")[32]
    panel.activate(middle)
    number = int(middle.tooltip.rsplit(" ", 1)[1].replace(",", ""))
    assert bridge.moment.instruction == number
    before = bridge.questions_inside(bridge.moment.depth._replace(steps=bridge.moment.depth.steps - 1)).vcpu()
    now = bridge.questions(bridge.moment).vcpu()
    changed = [a if a != b else None for a, b in zip(before.gprs, now.gprs, strict=True)]
    assert [register.old for register in panel.picture().registers] == changed


def test_keys_home_and_the_console_go_there_too(made):
    window, bridge = made.window, made.control.bridge
    window.do("first")
    assert bridge.moment.instruction == 0
    window.do("next_instruction")
    window.do("next_instruction")
    assert bridge.moment.instruction == 2
    window.do("previous_instruction")
    assert bridge.moment.instruction == 1
    assert made.control.travel.go_to_instruction("12,345") == ""
    assert bridge.moment.instruction == 12_345
    assert "is no number" in made.control.travel.go_to_instruction("soon")
    assert "outside 0 to 20,000" in made.control.travel.go_to_instruction("99999")
    assert bridge.moment.instruction == 12_345
    console = window.workspace.panels.get("console") or window.workspace.reveal("console")
    console = window.workspace.panels["console"]
    console.line.setText("instruction 777")
    console._enter()
    assert bridge.moment.instruction == 777


def test_all_panels_show_that_instant(made):
    bridge, panels = made.control.bridge, made.window.workspace.panels
    bridge.go_to_instruction(300)
    settle()
    first = panels["stage"].describe(), panels["vcpu"].describe()
    bridge.go_to_instruction(301)
    settle()
    assert panels["vcpu"].describe() != first[1]
    rip = bridge.questions(bridge.moment).vcpu().rip
    assert rip == bridge.session.machine.platform.lps[0].cpu.rip
    bridge.go_to_instruction(300)
    assert (panels["stage"].describe(), panels["vcpu"].describe()) == first
