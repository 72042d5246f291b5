"""The window is painted before anything heavy is imported."""

import os
import subprocess
import sys

SCRIPT = """
import sys
from tdxviz import app
from PySide6.QtCore import QEvent, QObject

seen = []

class Watch(QObject):
    def eventFilter(self, thing, event):
        if event.type() == QEvent.Type.Paint and not seen:
            seen.append({name.partition(".")[0] for name in sys.modules} | set(sys.modules))
            application.quit()
        return False

application = app.make_application()
watch = Watch()
from PySide6.QtCore import QTimer
from pathlib import Path
start = QTimer.singleShot
QTimer.singleShot = lambda *_: None  # the core stays out until the first paint is over
window = app.open_window(Path(sys.argv[1]))
window.start.page.installEventFilter(watch)
start(5000, application.quit)
application.exec()
assert seen, "nothing was painted"
heavy = {"numpy", "cryptography", "iced_x86", "pyqtgraph", "msgspec", "yaml", "av", "tdxviz.core", "tdxviz.session"}
print(sorted(heavy & seen[0]))
"""


def test_first_paint_needs_qt_alone(tmp_path) -> None:
    env = dict(os.environ, QT_QPA_PLATFORM="offscreen")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True, text=True, timeout=30, env=env, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"
