"""The editor: a guest program, as source that is assembled as it is typed or as a binary, run in a TD or a VM."""

from typing import Any

from PySide6.QtCore import QSize, QTimer
from PySide6.QtGui import (
    QColor,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QTextEdit,
    QVBoxLayout,
)

from tdxviz.core.faults import TdxvizError
from tdxviz.ui.panel import Panel
from tdxviz.ui.present import editor as present
from tdxviz.ui.present.binary import Binary, opened
from tdxviz.ui.program_run import ProgramRun
from tdxviz.ui.views.host_menu import HostMenu
from tdxviz.ui.views.source_colours import SourceColours

FIRST = "hello"
FILES = "Programs (*.s *.asm *.inc *.elf *.out *.bin *.img *.raw *.com);;All files (*)"
WAIT_MS = 250
"""After the last key, before the text is assembled."""
MOST_OUTPUT = 2_000
"""Lines of the console that are kept."""


class EditorPanel(Panel):
    """Left the source, below it what is wrong or what the program said."""

    name = "editor"
    title = "Program"
    tooltip = "A guest program of your own; it is assembled as you type"

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self.gallery = QComboBox()
        for name, about in present.choices():
            self.gallery.addItem(name, about)
            self.gallery.setItemData(self.gallery.count() - 1, about, 3)  # tool tip
        self.gallery.setPlaceholderText("Gallery")
        self.gallery.setAccessibleName("Gallery of small guests")
        self.new, self.open_file = QPushButton("New"), QPushButton("Open…")
        self.new.setToolTip("An empty page; after a binary, the source that was here before it")
        self.open_file.setToolTip(
            "A program of yours: assembly source, a static ELF64 executable or a flat binary"
        )
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.text = QPlainTextEdit()
        self.text.setAccessibleName("Source of the guest program")
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.output = QPlainTextEdit()
        self.output.setReadOnly(True)
        self.output.setMaximumBlockCount(MOST_OUTPUT)
        self.output.setAccessibleName("Console of the program")
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.run_td, self.run_vm, self.stop, self.look = (
            QPushButton("Run in a TD"),
            QPushButton("Run in a VM"),
            QPushButton("Stop"),
            QPushButton("Look inside"),
        )
        self.run_td.setToolTip("Build a TD around this program and let it run to its end")
        self.run_vm.setToolTip("The same program in an ordinary VM of a machine without TDX")
        self.stop.setToolTip("Let the program go no further")
        self.look.setToolTip(
            "Open the recording of this run in all panels: step back and forth by single instructions ( , and . )"
        )
        self.look.setEnabled(False)
        self.host = HostMenu()
        self._lay_out()
        self.colours = SourceColours(self.text.document(), theme)
        self.program = ProgramRun()
        self.problems: tuple[Any, ...] = ()
        self.binary: Binary | None = None
        """What is shown instead of source; it cannot be changed."""
        self._before = ""
        """The source that was here before the binary."""
        self._here = 0
        """Line that the moment's guest executes next; 0 for none."""
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(WAIT_MS)
        self._connect()
        self._dress()
        self.open(FIRST)

    def _lay_out(self) -> None:
        top, bottom = QHBoxLayout(), QHBoxLayout()
        for chooser in (self.gallery, self.new, self.open_file):
            top.addWidget(chooser)
        top.addWidget(self.about, 1)
        for button in (self.run_td, self.run_vm, self.stop, self.look, self.host):
            bottom.addWidget(button)
        bottom.addWidget(self.state, 1)
        box = QVBoxLayout(self)
        box.addLayout(top)
        box.addWidget(self.text, 3)
        box.addLayout(bottom)
        box.addWidget(self.output, 1)
        self.setFocusProxy(self.text)

    def _connect(self) -> None:
        self.gallery.textActivated.connect(self.open)
        self.new.clicked.connect(
            lambda: self._show(self._before if self.binary else "", "Source of your own")
        )
        self.open_file.clicked.connect(self._choose)
        self.text.textChanged.connect(self._later.start)
        self._later.timeout.connect(self.check)
        self.run_td.clicked.connect(lambda: self.run("ci"))
        self.run_vm.clicked.connect(lambda: self.run("legacy"))
        self.stop.clicked.connect(self._stopped)
        self.look.clicked.connect(self._look_inside)
        self.program.told.connect(self._append)
        self.program.ended.connect(self._ended)
        self.program.failed.connect(self._failed)

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(560)), int(self.theme.px(420)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(240)), int(self.theme.px(110)))

    def set_theme(self, theme: Any) -> None:
        super().set_theme(theme)
        self.colours.dress(theme)
        self.colours.rehighlight()
        self._dress()
        self._mark()

    def _dress(self) -> None:
        style = f'font-family: "DejaVu Sans Mono"; font-size: {self.theme.px(12.5):.0f}px;'
        self.text.setStyleSheet(style)
        self.output.setStyleSheet(style)
        u = int(self.theme.px(6))
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(u, u // 2, u, u // 2)
            layout.setSpacing(u // 2)
        self.about.setStyleSheet(f"color: {self.theme.secondary};")

    def show_moment(self, moment: Any) -> None:
        """No moment changes the learner's text; the line that is executed next is marked."""
        self.moment = moment
        before, self._here = self._here, 0
        if self.isVisible():
            self._here = (
                self.binary.line_now(moment)
                if self.binary
                else present.line_now(moment, self.text.toPlainText())
            )
        if self._here != before:
            self._mark()
        if self._here and self._here != before:
            bar = self.text.verticalScrollBar()
            bar.setValue(self._here - 1 - bar.pageStep() // 2)

    # --- source ---------------------------------------------------------------------------

    def open(self, name: str) -> None:
        """A guest of the gallery."""
        self._show(present.source_of(name), dict(present.choices())[name])
        self.gallery.setCurrentText(name)

    def _choose(self) -> None:
        options = QFileDialog.Option.DontUseNativeDialog
        path, _ = QFileDialog.getOpenFileName(self, "Open a program", "", FILES, options=options)
        if path:
            self.load(path)

    def load(self, path: str) -> None:
        """A file of the learner's; what cannot be opened is said, and changes nothing."""
        try:
            found = opened(path)
        except TdxvizError as slip:
            self._say(str(slip), self.theme.bad)
            return
        self._show(found, found.banner if isinstance(found, Binary) else path)

    def _show(self, what: str | Binary, about: str) -> None:
        """Source to be changed, or the listing of a binary."""
        if isinstance(what, Binary) and self.binary is None:
            self._before = self.text.toPlainText()
        self.binary = what if isinstance(what, Binary) else None
        self._here = 0
        self.about.setText(about)
        self.text.setReadOnly(self.binary is not None)
        self.text.setPlainText(what.text if isinstance(what, Binary) else what)
        self.gallery.setCurrentIndex(-1)
        if self.binary and self.binary.first:
            self.text.setTextCursor(
                QTextCursor(self.text.document().findBlockByNumber(self.binary.first - 1))
            )
            self.text.centerCursor()
        self.check()

    def check(self) -> None:
        """Assemble; problems are marked on their lines, the first one is said."""
        self._later.stop()
        if self.binary is not None:
            self.problems = ()
            self._mark()
            self._say("ready to run; a listing cannot be changed", self.theme.secondary)
            return
        self.problems = present.problems(self.text.toPlainText())
        self._mark()
        if self.problems:
            first = self.problems[0]
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            self._say(f"line {first.line}, column {first.column}: {first.text}{more}", self.theme.bad)
        else:
            self._say(f"assembles to {present.size(self.text.toPlainText()):,} bytes", self.theme.secondary)

    def _mark(self) -> None:
        marks = []
        if self._here:
            now = QTextEdit.ExtraSelection()
            made = QTextCharFormat()
            made.setBackground(QColor(self.theme.note))
            made.setProperty(QTextFormat.Property.FullWidthSelection, True)
            now.cursor = QTextCursor(self.text.document().findBlockByNumber(self._here - 1))  # type: ignore[attr-defined]  # because the stubs leave it out
            now.format = made  # type: ignore[attr-defined]  # as above
            marks.append(now)
        for problem in self.problems:
            mark = QTextEdit.ExtraSelection()
            made = QTextCharFormat()
            made.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            made.setUnderlineColor(QColor(self.theme.bad))
            made.setToolTip(problem.text)
            block = self.text.document().findBlockByNumber(problem.line - 1)
            cursor = QTextCursor(block)
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            mark.cursor, mark.format = cursor, made  # type: ignore[attr-defined]  # because the stubs leave them out
            marks.append(mark)
        self.text.setExtraSelections(marks)

    def _say(self, text: str, colour: str) -> None:
        self.state.setText(text)
        self.state.setStyleSheet(f"color: {colour};")

    # --- running --------------------------------------------------------------------------

    def run(self, world: str) -> None:
        """Run it, unless something is wrong with it."""
        self.check()
        if self.problems:
            return
        self.output.clear()
        self._say("running", self.theme.secondary)
        self.look.setEnabled(False)
        what = self.binary.args if self.binary else self.text.toPlainText()
        self.program.start(what, world, self.host.chosen)

    def _append(self, text: str) -> None:
        self.output.moveCursor(QTextCursor.MoveOperation.End)
        self.output.insertPlainText(text)

    def _ended(self, outcome: Any) -> None:
        good = outcome.exit_code == 0
        self._say(present.ending(outcome), self.theme.good if good else self.theme.warn)
        self.look.setEnabled(True)

    def _failed(self, text: str) -> None:
        self._say(text, self.theme.bad)

    def _stopped(self) -> None:
        if self.program.running:
            self.program.stop()
            self._say("stopped", self.theme.warn)
            self.look.setEnabled(True)

    def _look_inside(self) -> None:
        """The recording becomes the session of the window, at its last instruction."""
        if self.bridge.visit(self.program.session):
            self._say("open in all panels: , and . step by instruction, N goes to one", self.theme.good)

    def describe(self) -> str:
        lines = self.text.document().blockCount()
        kind = f"lines of a listing. {self.about.text()}" if self.binary else "lines of assembly source"
        return f"Program, {lines} {kind}. {self.state.text()}. Console: {self.output.toPlainText()[-200:]}"
