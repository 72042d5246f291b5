"""Typing bytes over a line of memory, as the host or as a device: an action like every other."""

from typing import Any

from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from tdxviz.core.observe import observe
from tdxviz.core.units import LINE, line_of
from tdxviz.session.actions import Action
from tdxviz.ui.dialogs import size
from tdxviz.ui.present.hexes import spaced
from tdxviz.ui.theme import MONO

WHO = {"Host software, KeyID 0": ("host", "host.write"), "A device (DMA)": ("device", "device.write")}


def parsed(text: str) -> bytes | str:
    """1 to 64 bytes from hex digits, or what is wrong with them."""
    digits = "".join(text.split())
    wrong = next((c for c in digits if c not in "0123456789abcdefABCDEF"), "")
    if wrong:
        return f"{wrong!r} is no hex digit"
    if not digits or len(digits) % 2:
        return "two hex digits a byte" if digits else "type the bytes, two hex digits each"
    data = bytes.fromhex(digits)
    return data if len(data) <= LINE else f"{len(data)} bytes; a line has {LINE}"


class BytesDialog(QDialog):
    """``hpa``: some byte of the line. What is typed is written from the line's beginning on."""

    def __init__(self, parent: QWidget, bridge: Any, hpa: int) -> None:
        super().__init__(parent)
        self.bridge, self.line = bridge, line_of(hpa)
        self.setWindowTitle(f"Bytes of line {spaced(self.line)}")
        self.who, self.text, self.problem = QComboBox(), QLineEdit(), QLabel("")
        self.who.addItems(list(WHO))
        self.who.setAccessibleName("Who writes")
        self.text.setAccessibleName("Bytes, two hex digits each")
        self.text.setStyleSheet(f'font-family: "{MONO}";')
        self.problem.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.write = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.write.setText("Write")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        for widget in (self.who, self.text, self.problem, buttons):
            box.addWidget(widget)
        self.who.currentTextChanged.connect(lambda _: self._fill())
        self.text.textChanged.connect(lambda _: self._check())
        self._fill()
        size(self, 620, 140)

    def _fill(self) -> None:
        """What the chosen one reads there now."""
        seen = observe(self.bridge.moment.machine, WHO[self.who.currentText()][0], self.line, LINE)
        self.text.setText((seen.data or bytes(LINE)).hex(" "))
        self.text.setFocus()
        self.text.selectAll()

    def _check(self) -> None:
        data = parsed(self.text.text())
        self.write.setEnabled(isinstance(data, bytes))
        if isinstance(data, str):
            self.problem.setText(data)
        elif len(data) == LINE:
            self.problem.setText("A whole line, written at once (MOVDIR64B).")
        else:
            self.problem.setText(f"{len(data)} bytes; the writer's copy of the line goes back whole.")

    def accept(self) -> None:
        data = parsed(self.text.text())
        if isinstance(data, str):
            return
        super().accept()
        how = "full-line" if len(data) == LINE else "ordinary"
        action = WHO[self.who.currentText()][1]
        self.bridge.act(Action(action, {"at": self.line, "data": data.hex(), "size": len(data), "how": how}))


def edit(window: QWidget, bridge: Any) -> None:
    """For the chosen line; without one there is nothing to write to."""
    if bridge.moment.focus.hpa is None:
        bridge.slipped.emit("Choose a line first: click one, or go to an address (Ctrl+G).")
        return
    BytesDialog(window, bridge, bridge.moment.focus.hpa).exec()
