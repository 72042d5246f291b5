"""How long from a step in time until everything is painted, with all panels of the workbench open.

Run: python benchmarks/bench_step.py [STEPS]
"""

import statistics
import sys
import time

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from tdxviz.session.actions import Action
from tdxviz.ui.studio import Studio, look, settle, studio

AIM_MS = 33.0
SIZE = "2560x1440"
SIDEWAYS = Qt.Orientation.Horizontal


def open_everything(made: Studio) -> int:
    """Every panel that exists in the window at once, side by side; how many."""
    made.arrange("workbench")
    workspace = made.window.workspace
    for name, dock in workspace.docks.items():
        if name == "lesson":
            continue
        for other in workspace.tabifiedDockWidgets(dock):
            workspace.removeDockWidget(other)
            workspace.splitDockWidget(dock, other, SIDEWAYS)
            other.show()
        if dock.isHidden():
            workspace.splitDockWidget(workspace.docks["timeline"], dock, SIDEWAYS)
            dock.show()
        workspace.panel(name)
    settle()
    return sum(panel.isVisible() for panel in workspace.visible_panels())


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
