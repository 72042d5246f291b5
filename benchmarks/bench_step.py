"""How long from a step in time until everything is painted, with all panels of the workbench open. In processor
time of this one process, so that a busy machine disturbs it less.

Run: python benchmarks/bench_step.py [STEPS]
"""

import statistics
import sys
import time

from PySide6.QtGui import QColor, QImage, QPainter
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
    workspace._rooms = lambda: dict.fromkeys((*names, *SLIM), (1, 1))  # small as they get, nothing folds
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
        start = time.process_time()
        bridge.step("event", 1 if n % 3 else -1)
        QApplication.sendPostedEvents()
        QApplication.processEvents()
        times.append((time.process_time() - start) * 1000)
    return sorted(times)


def yardstick() -> float:
    """Milliseconds for 1,000 short texts, each on its own filled rectangle: what a busy window is made of."""
    image = QImage(1280, 720, QImage.Format.Format_ARGB32_Premultiplied)
    start = time.process_time()
    painter = QPainter(image)
    for n in range(1000):
        x, y = n % 25 * 50, n // 25 * 18
        painter.fillRect(x, y, 48, 16, QColor(n % 256, 200, 230))
        painter.setPen(QColor("black"))
        painter.drawText(x + 2, y + 12, f"{n:04x}")
    painter.end()
    return (time.process_time() - start) * 1000


def main() -> int:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with studio(look(SIZE)) as made:
        made.control.sandbox()
        made.control.bridge.act(Action("attack", {"id": "host-read-keyid0"}))
        panels = open_everything(made)
        times = step_times(made, steps)
        base = statistics.median(yardstick() for _ in range(15))
    p50, p95 = statistics.median(times), times[int(len(times) * 0.95)]
    print(f"{panels} panels at {SIZE}, {steps} steps: p50 {p50:.1f} ms, p95 {p95:.1f} ms (aim {AIM_MS:.0f})")
    print(
        f"yardstick, 1,000 texts on rectangles: {base:.1f} ms; ratio p50 {p50 / base:.2f}, p95 {p95 / base:.2f}"
    )
    return 0 if p95 <= AIM_MS else 1


if __name__ == "__main__":
    sys.exit(main())
