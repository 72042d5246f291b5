"""Looking changes nothing: every panel painted at random moments leaves the machine as it was."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QImage

from tdxviz.core.attacks.catalogue import IDS
from tdxviz.core.observe import observe
from tdxviz.core.units import WORLDS
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui.bridge import Bridge
from tdxviz.ui.panels import PANELS
from tdxviz.ui.theme import LIGHT

SIZE = (620, 420)
NOT_A_MOMENT = ("lesson", "attacks", "console")
"""Panels of words and buttons; their own tests press them."""


@cache
def story(world: str) -> Session:
    """A few attacks, one after the other, as far as the guest survives them."""
    session = Session(world)
    for attack in IDS[:3]:
        session.act(Action("attack", {"id": attack}))
    return session


@cache
def panels(world: str) -> tuple[Bridge, list]:
    bridge = Bridge(story(world))
    made = [row.load()(bridge, LIGHT) for row in PANELS if row.exists and row.name not in NOT_A_MOMENT]
    for panel in made:
        panel.resize(*SIZE)
    return bridge, made


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=6, deadline=None)
@given(share=st.floats(0, 1))
def test_painting_any_panel_at_any_moment_changes_nothing(qapp, world: str, share: float) -> None:
    bridge, made = panels(world)
    session = bridge.session
    session.go_to(round(share * session.total))
    before = bridge.moment.machine.fingerprint()
    for panel in made:
        panel.show_moment(bridge.moment)
        image = QImage(*SIZE, QImage.Format.Format_RGB32)
        panel.render(image)
        assert panel.describe()
    assert bridge.moment.machine.fingerprint() == before


@settings(max_examples=30, deadline=None)
@given(
    world=st.sampled_from(WORLDS),
    share=st.floats(0, 1),
    actor=st.sampled_from(["guest", "td-a", "td-b", "vm-a", "host", "device", "probe", "nobody"]),
    address=st.integers(-(2**70), 2**70) | st.integers(0x41_0000, 0x41_6000),
    size=st.integers(0, 200),
)
def test_observing_anything_changes_nothing(world, share, actor, address, size) -> None:
    session = story(world)
    session.go_to(round(share * session.total))
    machine = session.machine
    before = machine.fingerprint()
    observe(machine, actor, address, size)
    assert machine.fingerprint() == before
