"""The counts above the TLB's rows: painted everywhere, and tied to the processors."""

import pytest

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui.bridge import Bridge
from tdxviz.ui.theme import LIGHT, THEMES
from tdxviz.ui.views.tlb import TlbPanel
from tests.ui import stage_kit as kit


@pytest.fixture(scope="module")
def session() -> Session:
    made = Session("ci")
    for name, regs in (("RANGE.BLOCK", {"rcx": 0x8000_4000}), ("TRACK", {"rcx": 0x60_0000})):
        number = BY_NAME[f"TDH.MEM.{name}"].number
        made.act(
            Action(
                "command", {"command": {"do": "Seamcall", "rax": number, "lp": 1, "rdx": 0x60_0000, **regs}}
            )
        )
    return made


def made(qtbot, session, theme=LIGHT, size=(520, 320)) -> TlbPanel:
    session.go_to(session.total)
    panel = kit.shown(TlbPanel, Bridge(session), theme, size)
    qtbot.addWidget(panel)
    kit.painted(panel)
    return panel


@pytest.mark.parametrize("theme", [*THEMES.values(), LIGHT.scaled(2.5), LIGHT.scaled(0.7)])
@pytest.mark.parametrize("size", [(200, 90), (1000, 500)])
def test_paints_and_changes_nothing(qtbot, session, theme, size) -> None:
    panel = made(qtbot, session, theme, size)
    before = panel.moment.machine.fingerprint()
    kit.painted(panel)
    assert panel.moment.machine.fingerprint() == before


def test_the_late_vcpu_is_tied_to_its_processor(qtbot, session) -> None:
    panel = made(qtbot, session)
    line = next(h for h in panel.hits if "it may still use what was blocked since" in h[2])
    chip = next(h for h in panel.hits if h[2].startswith("Logical processor 0 runs TD-A"))
    counts = [h for h in panel.hits if h[2].startswith("The module counts")]
    assert len(counts) == 3
    assert chip[0].bottom() <= line[0].center().y() <= counts[2][0].top()
    assert "still runs with the epoch before" in panel.describe()


def test_before_tracking_nobody_is_late(qtbot, session) -> None:
    panel = made(qtbot, session)
    panel.bridge.go_to(0)
    kit.painted(panel)
    assert not any("blocked since" in h[2] for h in panel.hits)
    assert "nobody runs with an older epoch" in panel.describe()
