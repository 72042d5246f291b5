"""Assembly source in the colours of the theme."""

from typing import Any

from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from tdxviz.ui.present import editor as present


class SourceColours(QSyntaxHighlighter):
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
