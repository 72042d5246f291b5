"""Parts of the lesson dock: the progress bars and the prose."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QRectF, QRegularExpression, QSize, Qt, QUrl
from PySide6.QtGui import QColor, QPaintEvent, QTextCharFormat, QTextDocument
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from tdxviz.ui.widgets.painting import painting

FEATURES = (
    QTextDocument.MarkdownFeature.MarkdownNoHTML | QTextDocument.MarkdownFeature.MarkdownDialectCommonMark
)


class Segments(QWidget):
    """One bar a step: done, now, to come."""

    def __init__(self, theme: Any) -> None:
        super().__init__()
        self.theme = theme
        self.states: list[str] = []

    def sizeHint(self) -> QSize:
        return QSize(100, int(self.theme.px(8)))

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.states:
            return
        gap = self.theme.px(5)
        width = (self.width() - gap * (len(self.states) - 1)) / len(self.states)
        colours = {"done": self.theme.good, "now": self.theme.accent, "open": self.theme.rule}
        with painting(self) as painter:
            painter.setPen(Qt.PenStyle.NoPen)
            for number, state in enumerate(self.states):
                painter.setBrush(QColor(colours[state]))
                painter.drawRoundedRect(QRectF(number * (width + gap), 0, width, self.theme.px(5)), 2, 2)


class Prose(QTextBrowser):
    """Markdown without HTML; grows with its text instead of scrolling."""

    def __init__(self, theme: Any) -> None:
        super().__init__()
        self.theme = theme
        self.setOpenLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setStyleSheet("border: none; padding: 0; background: transparent;")
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(lambda _: self._fit())

    def loadResource(self, type: int, name: QUrl | str) -> Any:  # noqa: A002 - Qt names it so
        return None  # a lesson shows no file and asks no host

    def show_markdown(self, text: str, terms: Mapping[str, str] | None = None) -> None:
        """``terms``: words of the glossary and what they mean; each is underlined with dots once, and a
        link ``term:WORD``."""
        self.document().setDefaultFont(self.theme.font(14))
        self.document().setMarkdown(text, FEATURES)
        for term, meaning in (terms or {}).items():
            self._underline(term, meaning)
        self._fit()

    def _underline(self, term: str, meaning: str) -> None:
        exact = term.isupper() or len(term) < 3
        how = QTextDocument.FindFlag.FindCaseSensitively if exact else QTextDocument.FindFlag(0)
        words = QRegularExpression(rf"(?<![\w-]){QRegularExpression.escape(term)}(?!\w)")
        place = self.document().find(words, 0, how)
        if place.isNull() or place.charFormat().isAnchor():
            return
        look = QTextCharFormat()
        look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
        look.setUnderlineColor(QColor(self.theme.secondary))
        look.setToolTip(meaning)
        look.setAnchor(True)
        look.setAnchorHref(f"term:{term}")
        place.mergeCharFormat(look)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.document().setTextWidth(max(self.viewport().width(), 50))
        height = int(self.document().size().height()) + 2
        if height != self.height():
            self.setFixedHeight(height)
