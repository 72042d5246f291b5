"""Booting a TD firmware: choose an image, stop before each TDCALL, see what it asks for and gets."""

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
)

from tdxviz.ui.panel import Panel
from tdxviz.ui.present import firmware as present
from tdxviz.ui.present.questions import asked
from tdxviz.ui.widgets.flow import Flow

COLUMNS = ("#", "instruction", "RIP", "leaf", "completion", "asks for")
WIDTHS = (42, 94, 86, 166, 104)
VIEWS = (("sept_tree", "SEPT tree"), ("memory_map", "Memory map"), ("vcpu", "vCPU"), ("line", "Line"))
SHARES = 1000


class Table(QAbstractTableModel):
    """The TDCALLs so far, newest last; cells are made when they come into sight."""

    def __init__(self) -> None:
        super().__init__()
        self.log = present.Log()
        self.timeline: Any = None
        self.count = self.index_shown = 0
        self.asks = ""
        """What the last one asks for, if it has not run yet."""

    def show(self, timeline: Any, index: int) -> None:
        self.beginResetModel()
        self.log.update(timeline)
        self.timeline, self.index_shown = timeline, index
        self.count, self.asks = self.log.shown(index), ""
        self.endResetModel()

    def rowCount(self, parent: Any = None) -> int:
        return self.count

    def columnCount(self, parent: Any = None) -> int:
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft
        return None

    def data(self, index: Any, role: int = 0) -> Any:
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        made = self.log.rows[index.row()]
        done = 0 <= made.result < self.index_shown
        last = index.row() == self.count - 1
        asks = self.asks if last else ""
        if done:
            regs = present.registers(made, self.timeline.events)
            asks = present.words(made.leaf, regs) + present.result(made, self.timeline, self.index_shown)
        cells = (
            f"{made.number:,}", f"{made.instruction:,}", f"{made.rip:#x}", made.leaf,
            present.status(made, self.timeline, self.index_shown)[0] if done else "", asks,
        )  # fmt: skip
        return cells[index.column()]


class FirmwarePanel(Panel):
    """Buttons, the TDCALL that comes next, and the list of those before it."""

    name = "firmware"
    title = "Firmware"
    key = "W"
    tooltip = "A TD built from a firmware image runs its own reset vector and stops before each TDCALL"

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self.boot, self.next = (
            self._button("Boot firmware …", "fw_boot"),
            self._button("Next TDCALL", "fw_next"),
        )
        self.run, self.stop = self._button("Run to", "fw_run"), self._button("Stop", "fw_stop")
        self.boot.setToolTip("Choose a TDVF image; a new session builds a TD from its metadata (Ctrl+B)")
        self.next.setToolTip("Let the firmware run until just before its next TDCALL (O)")
        self.run.setToolTip("Let it run over TDCALLs until just before the one chosen at the right")
        self.stop.setToolTip("Stop where it is; what has run stays recorded (Escape)")
        self.until = QComboBox()
        self.until.setAccessibleName("Run to which TDCALL")
        for name, words in present.STOPS:
            self.until.addItem(words, name)
        self.head, self.state, self.card = QLabel(self.title), QLabel(), QLabel()
        for label in (self.state, self.card):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.card.setObjectName("fw_card")
        self.bar = QProgressBar()
        self.bar.setRange(0, SHARES)
        self.bar.setTextVisible(False)
        self.model, self.table = Table(), QTableView()
        self._links = [self._button(words, f"fw_to_{name}") for name, words in VIEWS]
        self._lay_out()
        self._connect()
        self._dress()

    @staticmethod
    def _button(words: str, name: str) -> QPushButton:
        button = QPushButton(words)
        button.setObjectName(name)
        return button

    def _lay_out(self) -> None:
        self.table.setModel(self.model)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        self.table.setAccessibleName("TDCALLs of the firmware; choose one to see its page in every view")
        top, links, head = Flow(int(self.theme.px(5))), QHBoxLayout(), QHBoxLayout()
        head.addWidget(self.head)
        head.addWidget(self.state, 1)
        letter = QLabel(self.key)
        letter.setProperty("role", "secondary")
        head.addWidget(letter)
        for widget in (self.boot, self.next, self.run, self.until, self.stop):
            top.add(widget)
        links.addWidget(QLabel("see it in"))
        for button in self._links:
            links.addWidget(button)
        links.addStretch(1)
        box = QVBoxLayout(self)
        box.addLayout(head)
        box.addWidget(top)
        box.addWidget(self.bar)
        box.addWidget(self.card)
        box.addLayout(links)
        box.addWidget(self.table, 1)
        self.setFocusProxy(self.next)

    def _connect(self) -> None:
        self.boot.clicked.connect(lambda: self.bridge.action_wanted.emit("firmware"))
        self.next.clicked.connect(lambda: self.go_on(""))
        self.run.clicked.connect(lambda: self.go_on(self.until.currentData()))
        self.stop.clicked.connect(self.bridge.task.stop)
        self.bridge.task.changed.connect(self._tell)
        self.table.clicked.connect(lambda index: self.choose(index.row()))
        self.table.activated.connect(lambda index: self.travel(index.row()))
        for (name, _), button in zip(VIEWS, self._links, strict=True):
            button.clicked.connect(lambda _=False, n=name: self.bridge.open_view(n))

    def _dress(self) -> None:
        u = self.theme.px
        mono = f'font-family: "DejaVu Sans Mono"; font-size: {u(12.5):.0f}px;'
        self.card.setStyleSheet(
            f"{mono} background: {self.theme.note}; color: {self.theme.text}; padding: {u(6):.0f}px;"
            f" border-left: {u(4):.0f}px solid {self.theme.guest_job};"
        )
        self.table.setStyleSheet(
            f"QTableView {{ background: {self.theme.panel}; border: none; {mono} }}"
            f"QTableView::item:selected {{ background: {self.theme.note}; color: {self.theme.text}; }}"
            f"QHeaderView::section {{ background: {self.theme.bg}; border: none; padding: {u(3):.0f}px;"
            f" color: {self.theme.secondary}; font-size: {u(12.5):.0f}px; }}"
        )
        self.table.verticalHeader().setDefaultSectionSize(int(u(20)))
        for column, width in enumerate(WIDTHS):
            self.table.setColumnWidth(column, int(u(width)))
        self.head.setFont(self.theme.font(14, True))
        self.state.setStyleSheet(f"color: {self.theme.secondary};")
        self.bar.setFixedHeight(int(u(6)))
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(int(u(10)), int(u(6)), int(u(8)), int(u(6)))
            layout.setSpacing(int(u(5)))

    def set_theme(self, theme: Any) -> None:
        super().set_theme(theme)
        self._dress()
        self._tell()

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(640)), int(self.theme.px(420)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(260)), int(self.theme.px(160)))

    # --- showing --------------------------------------------------------------------------

    def picture(self) -> present.Picture:
        return present.picture(
            asked(self.bridge, self.moment), self.model.log, self.model.timeline, self.moment.index
        )

    def show_moment(self, moment: Any) -> None:
        self.moment = moment
        self.model.show(self.bridge.session.timeline, moment.index)
        last = self.model.count - 1
        if last >= 0:
            self.table.scrollToBottom()
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.table.selectionModel().select(self.model.index(last, 0, QModelIndex()), flags)
        self._tell()

    def _tell(self) -> None:
        """Words, progress and buttons as they are now."""
        if self.moment is None:
            return
        shown, task = self.picture(), self.bridge.task
        booted, running = bool(shown.name), task.running
        self.boot.setEnabled(not running)
        for widget in (self.next, self.run, self.until):
            widget.setEnabled(booted and not running)
        self.stop.setEnabled(running)
        self.model.asks = shown.stop.asks if shown.stop is not None else ""
        self.card.setVisible(shown.stop is not None)
        self.card.setText("" if shown.stop is None else present.card(shown.stop))
        self.state.setText(present.running(task, self.bridge.session) if running else present.state(shown))
        self.bar.setVisible(running or booted)
        share = task.done / task.wanted if running and task.wanted else present.share(shown)
        self.bar.setValue(int(SHARES * min(share, 1)))

    def describe(self) -> str:
        return present.describe(self.picture()) if self.moment is not None else self.title

    # --- doing ----------------------------------------------------------------------------

    def go_on(self, until: str) -> None:
        self.bridge.action_wanted.emit(f"firmware_next:{until}")

    def choose(self, row: int) -> None:
        """Every view shows the page that this TDCALL was about."""
        focus = present.focus(
            asked(self.bridge, self.moment), self.model.log.rows[row], self.bridge.session.events
        )
        if focus is not None:
            self.bridge.select(focus)

    def travel(self, row: int) -> None:
        """Back (or forward) in time to just before this TDCALL."""
        self.bridge.go_to(self.model.log.rows[row].end)
