"""The editor: a guest program as assembly source, assembled as it is typed, run in a TD or a VM."""

from typing import Any

from PySide6.QtCore import QSize, QTimer
from PySide6.QtGui import (
    QColor,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QTextEdit,
    QVBoxLayout,
)

from tdxviz.ui.panel import Panel
from tdxviz.ui.present import editor as present
from tdxviz.ui.program_run import ProgramRun
from tdxviz.ui.views.host_menu import HostMenu

FIRST = "hello"
WAIT_MS = 250
"""After the last key, before the text is assembled."""
MOST_OUTPUT = 2_000
"""Lines of the console that are kept."""


class Colours(QSyntaxHighlighter):
    """Colours of the theme, token by token."""

    def __init__(self, document: QTextDocument, theme: Any) -> None:
        super().__init__(document)
        self.dress(theme)

    def dress(self, theme: Any) -> None:
        roles = {
            "comment": theme.secondary, "string": theme.good, "number": theme.warn, "register": theme.inside,
            "directive": theme.guest_job, "mnemonic": theme.accent, "label": theme.text, "wrong": theme.bad,
        }  # fmt: skip
        self.formats: dict[str, QTextCharFormat] = {}
        for role, colour in roles.items():
            made = QTextCharFormat()
            made.setForeground(QColor(colour))
            made.setFontItalic(role == "comment")
            self.formats[role] = made

    def highlightBlock(self, text: str) -> None:
        for start, length, role in present.spans(text):
            self.setFormat(start, length, self.formats[role])


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
        self.gallery.setAccessibleName("Gallery of small guests")
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
        self.colours = Colours(self.text.document(), theme)
        self.program = ProgramRun()
        self.problems: tuple[Any, ...] = ()
        self._here = 0
        """Line that the moment's guest executes next; 0 for none."""
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(WAIT_MS)
        self._connect()
        self._dress()
        self.gallery.setCurrentText(FIRST)
        self.open(FIRST)

    def _lay_out(self) -> None:
        top, bottom = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.gallery)
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
            self._here = present.line_now(moment, self.text.toPlainText())
        if self._here != before:
            self._mark()
        if self._here and self._here != before:
            bar = self.text.verticalScrollBar()
            bar.setValue(self._here - 1 - bar.pageStep() // 2)

    # --- source ---------------------------------------------------------------------------

    def open(self, name: str) -> None:
        """A guest of the gallery."""
        self.about.setText(dict(present.choices())[name])
        self.text.setPlainText(present.source_of(name))
        self.check()

    def check(self) -> None:
        """Assemble; problems are marked on their lines, the first one is said."""
        self._later.stop()
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
        self.program.start(self.text.toPlainText(), world, self.host.chosen)

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
        return f"Program, {lines} lines of assembly source. {self.state.text()}. Console: {self.output.toPlainText()[-200:]}"
