"""How long from a step in time until everything is painted, with all panels of the workbench open.

Run: python benchmarks/bench_step.py [STEPS]
"""

import statistics
import sys
import time

from PySide6.QtWidgets import QApplication

from tdxviz.session.actions import Action
from tdxviz.ui.layouts import LAYOUTS
from tdxviz.ui.studio import Studio, look, settle, studio

AIM_MS = 33.0
SIZE = "2560x1440"
SLIM = ("verdict", "ribbon")
ACROSS = 5
"""Panels in one row."""


def open_everything(made: Studio) -> int:
    """Every panel that exists in the window at once, in rows; how many. None hides another."""
    workspace = made.window.workspace
    names = [name for name in workspace.docks if name not in ("lesson", *SLIM)]
    rows = [names[n : n + ACROSS] for n in range(0, len(names), ACROSS)]
    weights = (7,) * len(SLIM) + (90 // len(rows),) * len(rows)
    LAYOUTS["everything"] = "v", weights, (*SLIM, *(("h", (1,) * len(row), tuple(row)) for row in rows))
    made.arrange("everything")
    settle()
    shown = workspace.visible_panels()
    hidden = [panel.name for panel in shown if panel.visibleRegion().isEmpty()]
    assert not hidden and len(shown) == len(names) + len(SLIM), hidden
    return len(shown)


def step_times(made: Studio, steps: int) -> list[float]:
    """Milliseconds of single steps back and forward, until Qt has nothing left to paint."""
    bridge = made.control.bridge
    bridge.go_to(bridge.session.total // 2)
    settle()
    times = []
    for n in range(steps):
        start = time.perf_counter()
        bridge.step("event", 1 if n % 3 else -1)
        QApplication.sendPostedEvents()
        QApplication.processEvents()
        times.append((time.perf_counter() - start) * 1000)
    return sorted(times)


def main() -> int:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with studio(look(SIZE)) as made:
        made.control.sandbox()
        made.control.bridge.act(Action("attack", {"id": "host-read-keyid0"}))
        panels = open_everything(made)
        times = step_times(made, steps)
    p50, p95 = statistics.median(times), times[int(len(times) * 0.95)]
    print(f"{panels} panels at {SIZE}, {steps} steps: p50 {p50:.1f} ms, p95 {p95:.1f} ms (aim {AIM_MS:.0f})")
    return 0 if p95 <= AIM_MS else 1


if __name__ == "__main__":
    sys.exit(main())
