"""The console: commands as text, events as text, both the same as elsewhere in the app."""

from typing import Any

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QColor, QKeyEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QLineEdit, QTextBrowser, QTextEdit, QVBoxLayout

from tdxviz.core.faults import TdxvizError
from tdxviz.ui.panel import Panel
from tdxviz.ui.present import console as present

MOST_LINES = 400
MOST_ENTRIES = 40
"""Actions of a long story that are printed when it is opened."""


class Line(QLineEdit):
    """Tab completes, ↑ and ↓ walk through what was typed before."""

    def __init__(self, owner: "ConsolePanel") -> None:
        super().__init__()
        self.owner = owner
        self.past: list[str] = []
        self.at = 0

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and self.past:
            self.at = min(max(self.at + (-1 if event.key() == Qt.Key.Key_Up else 1), 0), len(self.past))
            self.setText(self.past[self.at] if self.at < len(self.past) else "")
            return
        super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        if forward and self.text() and self.owner.complete():
            return True
        return super().focusNextPrevChild(forward)


class ConsolePanel(Panel):
    """What happened since the last command, and a line to type the next one."""

    name = "console"
    title = "Console"
    tooltip = "Type help; Tab completes, ↑ repeats; click an event to go there"

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self.log = QTextBrowser()
        self.log.setOpenLinks(False)
        self.log.setAccessibleName("Events and answers")
        self.log.anchorClicked.connect(self._jump)
        self.log.highlighted.connect(self._point)
        self.log.document().setMaximumBlockCount(MOST_LINES)
        bar = self.log.verticalScrollBar()
        bar.rangeChanged.connect(lambda _, end: bar.setValue(end))  # the newest line stays in sight
        self.line = Line(self)
        self.line.setPlaceholderText("host read password · run until loop_end · attack cold-boot · help")
        self.line.setAccessibleName("Command")
        self.line.returnPressed.connect(self._enter)
        box = QVBoxLayout(self)
        box.addWidget(self.log, 1)
        box.addWidget(self.line)
        self.setFocusProxy(self.line)
        self._story: tuple[Any, ...] = ()
        self._printed = 0
        self._dress()

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(600)), int(self.theme.px(120)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(200)), int(self.theme.px(70)))

    def set_theme(self, theme: Any) -> None:
        super().set_theme(theme)
        self._dress()

    def _dress(self) -> None:
        u = int(self.theme.px(6))
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(u, u // 2, u, u // 2)
            layout.setSpacing(u // 2)
        self.log.document().setDefaultFont(self.theme.mono(12))
        style = f'font-family: "DejaVu Sans Mono"; font-size: {self.theme.px(12.5):.0f}px;'
        self.line.setStyleSheet(style)
        self.log.setStyleSheet(style + f"padding: {self.theme.px(4):.0f}px;")

    def show_moment(self, moment: Any) -> None:
        self.moment = moment  # its widgets paint themselves when they change
        session = self.bridge.session
        story = (id(session), session.branch, moment.world)
        if self._story != story:
            self._begin(story)
        entries = session.entries
        for entry in entries[max(self._printed, len(entries) - MOST_ENTRIES) :]:
            self._print_entry(entry)
        self._printed = len(entries)
        self._mark()

    def _mark(self) -> None:
        """The line of the event that is chosen (solid), pinned or pointed at (dashed) anywhere."""
        moment, marks = self.moment, []
        for focus, style in (
            (moment.hover, QTextCharFormat.UnderlineStyle.DashUnderline),
            *((pin, QTextCharFormat.UnderlineStyle.SingleUnderline) for pin in moment.pins),
            (moment.focus, QTextCharFormat.UnderlineStyle.NoUnderline),
        ):
            line = QTextCursor() if focus is None or focus.event is None else self._line_of(focus.event)
            if not line.isNull():
                mark = QTextEdit.ExtraSelection()
                mark.cursor = line
                mark.format.setUnderlineStyle(style)
                if focus is moment.focus:
                    mark.format.setBackground(QColor(self.theme.rule))
                marks.append(mark)
        self.log.setExtraSelections(marks)

    def _line_of(self, number: int) -> QTextCursor:
        """The event's line, selected; null when it is not in the log."""
        found = self.log.document().find(f"#{number} ")
        if not found.isNull():
            found.select(QTextCursor.SelectionType.LineUnderCursor)
        return found

    def _point(self, url: QUrl) -> None:
        """The pointer is over an event's line, or has left it."""
        from tdxviz.session.moment import Focus

        kind, _, what = url.toString().partition(":")
        if self.moment is None:
            return
        if kind != "event":
            self.bridge.hover(None)
            return
        event = self.bridge.session.events[int(what)]
        self.bridge.hover(Focus(hpa=getattr(event, "hpa", None), event=int(what)))

    def _begin(self, story: tuple[Any, ...]) -> None:
        """Another session, branch or world: its own story from the start, under how to use this."""
        self._story, self._printed = story, 0
        self.log.clear()
        self._say("What host, device, probe and guest do, as text. Each line is a command you can type:",
                  self.theme.secondary)  # fmt: skip
        for text, why in present.EXAMPLES:
            self._say(f"  {text:<28}{why}", self.theme.guest_job, link=f"type:{text}")

    def _print_entry(self, entry: Any) -> None:
        session = self.bridge.session
        self._say(f"> {entry.title}", self.theme.text, bold=True)
        if entry.problem:
            self._say(entry.problem, self.theme.bad)
        numbers = [
            n for n in range(entry.first_event, entry.end_event) if present.interesting(session.events[n])
        ]
        for number in numbers[-24:]:
            text = present.event_line(number, session.events[number], session.lane(number))
            self._say(text, self.theme.secondary, link=f"event:{number}")
        if not numbers and entry.end_event > entry.first_event:
            self._say(
                f"  {entry.end_event - entry.first_event} micro-operations; see the timeline",
                self.theme.secondary,
            )
        if entry.verdict is not None:
            self._say(f"  {entry.verdict.word}: {entry.verdict.sentence}", self.theme.warn, bold=True)

    def _say(self, text: str, colour: str, *, bold: bool = False, link: str = "") -> None:
        safe = text.replace("&", "&amp;").replace("<", "&lt;").replace("  ", "&nbsp; ")
        weight = "font-weight:bold;" if bold else ""
        if link:
            safe = f'<a href="{link}" style="color:{colour};text-decoration:none">{safe}</a>'
        self.log.append(f'<span style="color:{colour};{weight}">{safe}</span>')

    def _jump(self, url: QUrl) -> None:
        """An event: go there. An example: into the line, to be changed or sent."""
        kind, _, what = url.toString(QUrl.ComponentFormattingOption.FullyDecoded).partition(":")
        if kind == "event":
            self.bridge.go_to(int(what) + 1)
        else:
            self.line.setText(what)
            self.line.setFocus()

    # --- typing ---------------------------------------------------------------------------

    def _enter(self) -> None:
        from tdxviz.session.actions import Action

        text = self.line.text().strip()
        if not text:
            return
        self.line.past.append(text)
        self.line.at = len(self.line.past)
        self.line.clear()
        try:
            name, args = present.parse(text)
        except TdxvizError as slip:
            self._say(f"> {text}", self.theme.text, bold=True)
            self._say(str(slip), self.theme.bad)
            return
        if name == "help":
            for words in present.VERBS.values():
                self._say("  " + words, self.theme.secondary)
        elif name == "go":
            self.bridge.go_to(args["n"])
        elif name == "instruction":
            self.bridge.go_to_instruction(args["n"])
        else:
            self.bridge.act(Action(name, args))

    def complete(self) -> bool:
        """Complete the line as far as it is unique; True if that changed anything."""
        from tdxviz.core.attacks.catalogue import IDS
        from tdxviz.core.peek import symbols

        text = self.line.text()
        found = present.complete(text, list(symbols(self.bridge.moment.machine)), list(IDS))
        if not found:
            return False
        common = found[0]
        for one in found[1:]:
            while not one.lower().startswith(common.lower()):
                common = common[:-1]
        if len(common) > len(text):
            self.line.setText(common)
            return True
        self._say(
            "  " + "   ".join(f.split(" ")[-1] if " " in f else f for f in found[:12]), self.theme.secondary
        )
        return True

    def describe(self) -> str:
        return "Console. Last lines: " + " / ".join(self.log.toPlainText().splitlines()[-6:])
