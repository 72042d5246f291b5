"""How long until the window is painted and usable, against an empty window with six docks.

Both are whole processes, run in turns; the ratio says more than milliseconds of one machine.
Run: python benchmarks/bench_start.py [RUNS]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

PAINT_AIM, USE_AIM = 1.5, 3.0
COMMON = """
import sys, time
from PySide6.QtCore import QEvent, QObject, QTimer
began = float(sys.argv[1])

def since():
    return (time.monotonic() - began) * 1000

class Watch(QObject):
    painted = 0.0
    def eventFilter(self, thing, event):
        if event.type() == QEvent.Type.Paint and not Watch.painted:
            Watch.painted = since()
        return False

watch = Watch()
"""
EMPTY = (
    COMMON
    + """
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget
app = QApplication([])
window = QMainWindow()
window.resize(1280, 720)
window.setCentralWidget(QWidget())
for n in range(6):
    dock = QDockWidget(str(n), window)
    dock.setWidget(QWidget())
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
window.centralWidget().installEventFilter(watch)
window.show()

def look():
    if Watch.painted > 0:
        print(Watch.painted, since(), flush=True)
        app.quit()
    else:
        QTimer.singleShot(0, look)

QTimer.singleShot(0, look)
app.exec()
"""
)
OURS = (
    COMMON
    + """
from pathlib import Path
from tdxviz import app as ours
app = ours.make_application()
window = ours.open_window(Path(sys.argv[2]))
window.start.page.installEventFilter(watch)

def look():
    if Watch.painted > 0 and window.control is not None:
        print(Watch.painted, since(), flush=True)
        window.close()
        app.quit()
    else:
        QTimer.singleShot(0, look)

QTimer.singleShot(0, look)
app.exec()
"""
)


def once(code: str, folder: str) -> tuple[float, float]:
    """Milliseconds from the start of the process: first paint event, usable.

    As after installation: all modules of both windows are compiled already, whatever the
    environment says about byte code. The first pair of runs compiles and does not count.
    """
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", code, str(time.monotonic()), folder],
        capture_output=True, text=True, timeout=60, env=env, check=True,
    )  # fmt: skip
    paint, usable = done.stdout.split()
    return float(paint), float(usable)


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    times: dict[str, list[tuple[float, float]]] = {"empty": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs + 1):
            times["empty"].append(once(EMPTY, folder))
            times["ours"].append(once(OURS, folder))
    medians = {
        name: tuple(statistics.median(row[n] for row in rows[1:]) for n in (0, 1))
        for name, rows in times.items()
    }
    base = medians["empty"][0]
    paint, usable = medians["ours"]
    print(f"empty window with six docks: first paint {base:.0f} ms")
    print(f"tdxviz: first paint {paint:.0f} ms = {paint / base:.2f}x (aim {PAINT_AIM}), ", end="")
    print(f"usable {usable:.0f} ms = {usable / base:.2f}x (aim {USE_AIM})")
    return 0 if paint / base <= PAINT_AIM and usable / base <= USE_AIM else 1


if __name__ == "__main__":
    sys.exit(main())
