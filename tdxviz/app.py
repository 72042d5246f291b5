"""Composition root: the one place where window, settings and core are put together.

Order of start-up: the window is painted with Qt alone; only then is the core loaded.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from tdxviz.ui import settings as store
from tdxviz.ui.application import make_application, set_icon
from tdxviz.ui.main_window import MainWindow


def data_folder() -> Path:
    """Where settings, progress and sessions live; TDXVIZ_DATA overrides it."""
    if chosen := os.environ.get("TDXVIZ_DATA"):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("tdxviz", appauthor=False))


class FirstPaint(QObject):
    """Calls once, after the widget was painted for the first time (or was not, for a while)."""

    PATIENCE_MS = 500
    """A window that starts minimised is not painted."""

    def __init__(self, widget: QWidget, call: Callable[[], None]) -> None:
        super().__init__()
        self._call: Callable[[], None] | None = call
        widget.installEventFilter(self)
        QTimer.singleShot(self.PATIENCE_MS, self._now)

    def eventFilter(self, thing: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            thing.removeEventFilter(self)
            QTimer.singleShot(0, self._now)
        return False

    def _now(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


def open_window(folder: Path | None = None, wanted: str = "") -> MainWindow:
    """The main window, shown; its ``control`` attribute is set once the core is loaded."""
    folder = folder or data_folder()
    settings, notice = store.load(folder)
    window = MainWindow(settings)
    window.control = None  # type: ignore[attr-defined]  # because it exists only after first paint

    def load() -> None:
        with no_collection():
            from tdxviz.ui import control

            set_icon()
            window.control = control.start(window, folder, wanted)  # type: ignore[attr-defined]  # as above
        window.tell(notice)

    window.first_paint = FirstPaint(window.start.page, load)  # type: ignore[attr-defined]  # keeps it alive
    window.show()
    return window


@contextmanager
def no_collection() -> Iterator[None]:
    """No search for garbage while modules are loaded: there is none yet, and it costs a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def report(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """A bug of ours: keep the traceback in a file, tell in one sentence, stay alive."""
    import traceback

    if issubclass(kind, KeyboardInterrupt):
        QApplication.quit()
        return
    text = "".join(traceback.format_exception(kind, error, trace))  # type: ignore[arg-type]  # as excepthook gives it
    path = data_folder() / "crash.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError:
        path = Path("(not written)")
    print(text, file=sys.stderr)
    app = QApplication.instance()
    windows = app.topLevelWidgets() if isinstance(app, QApplication) else []
    for window in windows:
        if isinstance(window, MainWindow):
            window.tell(
                f"This is a bug of tdxviz ({kind.__name__}: {error}). Details: {path}. Your session is saved."
            )


def main(argv: list[str]) -> int:
    """Open the app; ``argv`` may name a lesson or a script."""
    started = time.perf_counter()
    if not can_show():
        print(
            "tdxviz: there is no display (DISPLAY and WAYLAND_DISPLAY are empty).\n"
            "Next: `tdxviz lesson run` plays lessons without one, `tdxviz screenshot -o DIR` paints views.",
            file=sys.stderr,
        )
        return 2
    app = make_application()
    sys.excepthook = report
    window = open_window(wanted=argv[0] if argv else "")
    ticks = QTimer()  # lets Ctrl-C through while Qt waits
    ticks.start(200)
    ticks.timeout.connect(lambda: None)
    if os.environ.get("TDXVIZ_TIMING"):
        report_timing(app, window, started)
    return app.exec()


def can_show() -> bool:
    if os.environ.get("QT_QPA_PLATFORM") or sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def report_timing(app: QApplication, window: MainWindow, started: float) -> None:
    """For the start-up benchmark: print when the window is usable, and leave."""

    def look() -> None:
        if getattr(window, "control", None) is None:
            QTimer.singleShot(1, look)
            return
        print(f"interactive {time.perf_counter() - started:.4f}", flush=True)
        app.quit()

    QTimer.singleShot(0, look)
