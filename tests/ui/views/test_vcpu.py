"""The vCPU panel: a ghost beside every register that differs from the newest bookmark."""

import pytest

from tdxviz.session.actions import Action
from tdxviz.ui.studio import look, settle, studio


@pytest.fixture(scope="module")
def made():
    with studio(look("1600x900")) as found:
        found.control.sandbox()
        found.control.bridge.act(Action("resume", {"steps": 40}))
        found.arrange("border")
        settle()
        yield found


def test_a_bookmark_leaves_a_ghost_beside_what_changed_since(made) -> None:
    bridge, panel = made.control.bridge, made.window.workspace.panels["vcpu"]
    bridge.go_to(5)
    assert all(register.ghost is None for register in panel.picture().registers)
    at_mark = bridge.questions_at(5).vcpu().gprs
    bridge.bookmark("here")
    assert all(register.ghost is None for register in panel.picture().registers)
    bridge.go_to(bridge.session.total)
    now = bridge.questions(bridge.moment).vcpu().gprs
    ghosts = [register.ghost for register in panel.picture().registers]
    assert ghosts == [old if old != new else None for old, new in zip(at_mark, now, strict=True)]
    assert any(ghost is not None for ghost in ghosts)
    changed = next(register for register in panel.picture().registers if register.ghost is not None)
    assert f"{changed.ghost:#x}" in changed.tooltip
    assert not panel.grab().isNull()


def test_the_ghost_of_a_bookmark_set_just_now_shows_without_a_step(made) -> None:
    bridge, panel = made.control.bridge, made.window.workspace.panels["vcpu"]
    bridge.go_to(bridge.session.total)
    bridge.bookmark("end")
    assert all(register.ghost is None for register in panel.picture().registers)
