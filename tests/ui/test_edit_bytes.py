"""Bytes typed over a line are a real write by the one who was chosen."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from tdxviz.session.moment import Focus
from tdxviz.ui.edit_bytes import BytesDialog, edit, parsed
from tests.ui import stage_kit as kit

LINE = 0x41_3540


@pytest.fixture
def bridge():
    made = kit.bridge("ci", "")
    made.session.go_to(0)
    made.refresh()
    return made


@pytest.fixture
def dialog(qtbot, bridge):
    parent = QWidget()
    qtbot.addWidget(parent)
    made = BytesDialog(parent, bridge, LINE + 7)
    made.show()
    yield made
    parent.close()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("cc", b"\xcc"), ("6d 79\t20", b"my "), ("zz", "'z' is no hex digit"), ("abc", "two hex digits a byte"),
     ("", "type the bytes, two hex digits each"), ("00" * 65, "65 bytes; a line has 64")],
)  # fmt: skip
def test_hex_is_read_or_what_is_wrong_is_said(text: str, wanted: bytes | str) -> None:
    assert parsed(text) == wanted


def test_it_begins_with_what_the_writer_reads_there(qtbot, dialog) -> None:
    assert dialog.line == LINE
    assert dialog.text.text() == bytes(64).hex(" ")  # zeros: the line is a TD's
    assert "whole line" in dialog.problem.text()
    qtbot.keyClicks(dialog.text, "x")
    assert not dialog.write.isEnabled()
    assert "no hex digit" in dialog.problem.text()


def test_writing_is_an_action_of_the_script_with_its_real_consequences(qtbot, bridge, dialog) -> None:
    dialog.text.clear()
    qtbot.keyClicks(dialog.text, "cc" * 64)
    qtbot.mouseClick(dialog.write, Qt.MouseButton.LeftButton)
    entry = bridge.session.entries[-1]
    assert (entry.action.name, entry.action.args["how"]) == ("host.write", "full-line")
    assert bridge.moment.machine.platform.memctl.probe(LINE).owner is False  # the owner bit fell with it
    bridge.session.go_to(0)


def test_a_device_writes_through_the_iommu(qtbot, bridge, dialog) -> None:
    dialog.who.setCurrentIndex(1)
    dialog.text.setText("01 02 03 04")
    dialog.accept()
    entry = bridge.session.entries[-1]
    assert entry.action.name == "device.write"
    names = {type(event).__name__ for event in bridge.session.events[entry.first_event : entry.end_event]}
    assert "DmaStored" in names or any(name.startswith("Dma") for name in names)
    bridge.session.go_to(0)


def test_without_a_line_it_says_what_to_do(bridge) -> None:
    said = []
    bridge.slipped.connect(said.append)
    bridge.select(Focus())
    edit(QWidget(), bridge)
    assert "Choose a line first" in said[0]
