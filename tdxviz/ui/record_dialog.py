"""Makes a film of the present script in a process of its own, with progress and a way out."""

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from PySide6.QtCore import QProcess
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tdxviz.core.faults import TdxvizError
from tdxviz.ui.theme import THEMES

KINDS = {
    "WebM video (VP9)": ".webm",
    "MP4 video (H.264)": ".mp4",
    "Lossless WebP animation": ".webp",
    "Folder of PNG pictures": "",
}
SIZES = ("1280x720", "1920x1080", "960x540", "2560x1440", "3840x2160", "1080x1080")
SCALES = {"100 %": "1.0", "125 %": "1.25", "150 %": "1.5", "175 %": "1.75", "200 %": "2.0"}
FRAME = re.compile(r"frame (\d+) of (\d+)")
PATIENCE_MS = 3000


class RecordDialog(QDialog):
    """``session`` is saved to a temporary script, which ``tdxviz record`` then renders."""

    def __init__(self, parent: QWidget | None, session: Any, theme: str) -> None:
        super().__init__(parent)
        self.session = session
        self.setWindowTitle("Make a demo of this script")
        self.folder = tempfile.TemporaryDirectory(prefix="tdxviz-record-")
        self.said = ""
        self.process = QProcess(self)
        self.process.readyReadStandardError.connect(self._hear)
        self.process.finished.connect(self._ended)
        self.kind, self.size_box, self.theme_box, self.scale_box = (QComboBox() for _ in range(4))
        for box, words, choices in (
            (self.kind, "Kind of file", KINDS), (self.size_box, "Size", SIZES),
            (self.theme_box, "Theme", THEMES), (self.scale_box, "Scale", SCALES),
        ):  # fmt: skip
            box.addItems(list(choices))
            box.setAccessibleName(words)
        self.theme_box.setCurrentText(theme)
        self.state = QLabel("Every action of the script is shown, event by event, with its verdict.")
        self.state.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.hide()
        self.go, self.leave = QPushButton("Choose a file …"), QPushButton("Close")
        self.go.setObjectName("record_go")
        self.leave.setObjectName("record_leave")
        self.go.clicked.connect(self._choose)
        self.leave.clicked.connect(self.reject)
        self._arrange()

    def _arrange(self) -> None:
        form = QFormLayout()
        form.addRow("Kind", self.kind)
        form.addRow("Size", self.size_box)
        form.addRow("Theme", self.theme_box)
        form.addRow("Scale", self.scale_box)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.leave)
        buttons.addWidget(self.go)
        box = QVBoxLayout(self)
        box.addLayout(form)
        box.addWidget(self.state)
        box.addWidget(self.bar)
        box.addLayout(buttons)

    def _choose(self) -> None:
        ending = KINDS[self.kind.currentText()]
        path, _ = QFileDialog.getSaveFileName(self, "Record", f"demo{ending}")
        if path:
            self.record(path if Path(path).suffix == ending else path + ending)

    def record(self, out: str) -> None:
        """Start the work; the dialog stays and tells how it goes."""
        script = str(Path(self.folder.name) / "script.tdxs")
        try:
            self.session.save(script)
        except TdxvizError as slip:
            self.state.setText(str(slip))
            return
        self.said = ""
        self.go.setEnabled(False)
        self.leave.setText("Cancel")
        self.bar.setRange(0, 0)
        self.bar.show()
        self.state.setText(f"Recording {Path(out).name} …")
        look = ["--size", self.size_box.currentText(), "--theme", self.theme_box.currentText()]
        look += ["--scale", SCALES[self.scale_box.currentText()]]
        self.process.start(sys.executable, ["-m", "tdxviz", "record", script, "-o", out, "--progress", *look])

    def _hear(self) -> None:
        self.said += bytes(self.process.readAllStandardError().data()).decode("utf-8", "replace")
        found = FRAME.findall(self.said)
        if found:
            done, total = (int(number) for number in found[-1])
            self.bar.setRange(0, total)
            self.bar.setValue(done)

    def _ended(self, code: int) -> None:
        self._hear()
        self.go.setEnabled(True)
        self.leave.setText("Close")
        self.bar.hide()
        last = self.said.strip().splitlines()[-1:] or ["tdxviz: the recorder ended without a word"]
        self.state.setText(last[0].removeprefix("tdxviz: ") if code in (0, 2) else f"Not recorded. {last[0]}")

    def done(self, result: int) -> None:
        """Closing cancels; the recorder takes its half-written file away."""
        if self.process.state() != QProcess.ProcessState.NotRunning:
            self.process.terminate()
            if not self.process.waitForFinished(PATIENCE_MS):
                self.process.kill()
                self.process.waitForFinished(PATIENCE_MS)
        self.folder.cleanup()
        super().done(result)
