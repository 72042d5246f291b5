"""Numbers about bytes: pyqtgraph plots, loaded when the dock is first shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout

from tdxviz.ui.panel import Panel
from tdxviz.ui.present import plots as present
from tdxviz.ui.present.questions import asked

if TYPE_CHECKING:  # the core is heavy and must not be imported before the first paint
    from tdxviz.core.observe import Seen

DEFAULT_PAGE = 0x0041_4000
EYES = (("guest", "guest", "accent"), ("host", "host software", "secondary"), ("probe", "bus probe", "bad"))
RANGES = (("page", "the page"), ("line", "the line"))


class PlotsPanel(Panel):
    """Histogram of byte values and entropy of the selected range as guest, host and probe see it."""

    name = "plots"
    title = "Bytes in numbers"
    tooltip = "Ciphertext has a flat histogram and high entropy; plain text does not; zeros are one bar"

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self.words = QLabel("")
        self.words.setWordWrap(True)
        self.range = QComboBox()
        self.range.addItems([words for _, words in RANGES])
        self.range.setAccessibleName("Range")
        self.range.currentIndexChanged.connect(lambda _: self._fill())
        self.head = QLabel(self.title)
        row = QHBoxLayout()
        row.addWidget(self.head, 1)
        row.addWidget(self.range)
        self.box = QVBoxLayout(self)
        self.box.addLayout(row)
        self.box.addWidget(self.words)
        self._plots: list[Any] = []
        self._bars: list[Any] = []
        self._drawn: tuple[int, list[Seen]] | None = None
        self.entropies: dict[str, float] = {}

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(420)), int(self.theme.px(260)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(200)), int(self.theme.px(90)))

    def set_theme(self, theme: Any) -> None:
        super().set_theme(theme)
        self._dress()

    def show_moment(self, moment: Any) -> None:
        self.moment = moment  # its widgets paint themselves when they change
        self._fill()

    def _make(self) -> None:
        import pyqtgraph as pg  # costs 170 ms: only when a plot is wanted

        view = pg.GraphicsLayoutWidget()
        view.setAccessibleName("Histograms of byte values")
        for number, (_, words, _) in enumerate(EYES):
            plot: Any = view.ci.addPlot(row=0, col=number)  # pyqtgraph delegates at run time
            plot.setMouseEnabled(x=False, y=False)
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.setXRange(0, 255, padding=0.01)
            plot.setTitle(words)
            bars = pg.BarGraphItem(x=list(range(256)), height=[0] * 256, width=1.0)
            plot.addItem(bars)
            self._plots.append(plot)
            self._bars.append(bars)
        self.view = view
        self.box.addWidget(view, 1)
        self._dress()

    def _dress(self) -> None:
        self.head.setFont(self.theme.font(13, True))
        self.words.setStyleSheet(f"color: {self.theme.secondary}; font-size: {self.theme.px(12):.0f}px;")
        if not self._plots:
            return
        self.view.setBackground(self.theme.panel)
        for plot, bars, (_, words, role) in zip(self._plots, self._bars, EYES, strict=True):
            tone = getattr(self.theme, role)
            bars.setOpts(brush=tone, pen=tone)
            plot.setTitle(words, color=self.theme.text, size=f"{self.theme.px(9):.0f}pt")
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(self.theme.rule)
                axis.setTextPen(self.theme.secondary)
                axis.setTickFont(self.theme.font(11))

    def _range(self) -> tuple[int, int]:
        hpa = self.moment.focus.hpa if self.moment.focus.hpa is not None else DEFAULT_PAGE
        if RANGES[self.range.currentIndex()][0] == "page":
            return hpa & ~0xFFF, 4096
        return hpa & ~0x3F, 64

    def _fill(self) -> None:
        if self.moment is None:
            return
        if not self._plots:
            self._make()
        hpa, size = self._range()
        ask = asked(self.bridge, self.moment)
        every = [ask.seen(actor, hpa, size) for actor, _, _ in EYES]
        if (hpa, every) == self._drawn:
            return
        self._drawn = hpa, every
        parts = []
        for (actor, words, _), seen, bars, plot in zip(EYES, every, self._bars, self._plots, strict=True):
            data = seen.data if seen.data is not None and seen.kind != "poison" else b""
            counts = present.histogram(data)
            bars.setOpts(height=counts)
            plot.setYRange(0, max(*counts, 4), padding=0.05)
            bits = self.entropies[actor] = present.entropy(data)
            what = present.verdict_words(bits, len(data)) if data else seen.reason
            parts.append(f"{words} {bits:.2f} bits per byte, {what}" if data else f"{words}: {what}")
        self.words.setText(f"{hpa:#x}, {size} bytes: " + "; ".join(parts) + ".")

    def describe(self) -> str:
        return f"{self.title}. {self.words.text()}"
