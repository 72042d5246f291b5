"""Booting firmware as a person does it: the button, a file, TDCALL by TDCALL; with a made-up image."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton

from tdxviz.ui import firmware_actions, task
from tests.core.host.test_firmware import FIRST, OVMF, tiny
from tests.ui.test_window import click

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "tiny.fd"
    path.write_bytes(tiny().raw)
    return path


def choose(monkeypatch, name: str) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (name, ""))


def settled(qtbot, window, timeout: int = 60_000) -> None:
    qtbot.waitUntil(lambda: not window.control.bridge.task.running, timeout=timeout)


def boot(qtbot, window, monkeypatch, name: Path) -> None:
    choose(monkeypatch, str(name))
    click(qtbot, window, "firmware")
    settled(qtbot, window)


def test_from_the_start_page_to_the_first_tdcall(qtbot, window, monkeypatch, image):
    choose(monkeypatch, str(image))
    click(qtbot, window, "firmware")
    panel = window.workspace.panels["firmware"]
    assert panel.stop.isEnabled()
    assert not panel.next.isEnabled()
    settled(qtbot, window)
    assert f"instruction {FIRST}" in panel.card.text()
    assert "next: TDG.VP.INFO" in panel.card.text()
    assert window.control.bridge.session.actions[0].args["file"] == str(image)
    assert panel.next.isEnabled()


def test_next_tdcall_by_button_and_key_and_the_page_in_every_view(qtbot, window, monkeypatch, image):
    boot(qtbot, window, monkeypatch, image)
    bridge, panel = window.control.bridge, window.workspace.panels["firmware"]
    click(qtbot, window, "fw_next")
    settled(qtbot, window)
    assert "2 MiB at GPA 0x1000000" in panel.card.text()
    assert bridge.session.focus.gpa is None
    panel.table.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_O)
    settled(qtbot, window)
    assert "TDG.MEM.PAGE.ACCEPT: TDX_SUCCESS" in panel.card.text()
    assert bridge.session.focus.gpa == 0x1000000
    assert bridge.session.focus.hpa is not None
    tree = window.workspace.panels["sept_tree"]
    assert "MAPPED" in tree.describe()
    click(qtbot, window, "fw_to_memory_map")
    assert window.workspace.panels["memory_map"].isVisible()


def test_run_to_another_leaf_then_to_the_end(qtbot, window, monkeypatch, image):
    boot(qtbot, window, monkeypatch, image)
    panel = window.workspace.panels["firmware"]
    click(qtbot, window, "fw_next")
    settled(qtbot, window)
    click(qtbot, window, "fw_run")
    settled(qtbot, window)
    assert "next: TDG.VP.VMCALL" in panel.card.text()
    assert "Instruction.HLT" in panel.card.text()
    assert panel.model.rowCount() == 7
    click(qtbot, window, "fw_next")
    settled(qtbot, window)
    assert "The firmware goes no further. Halt" in window.notice.text()
    panel.travel(2)
    assert window.control.bridge.moment.index < window.control.bridge.moment.total
    assert "next: TDG.MEM.PAGE.ACCEPT" in panel.card.text()
    assert panel.describe().startswith("Firmware tiny.fd: ")
    panel.choose(1)
    assert window.control.bridge.session.focus.gpa == 0x1000000


def test_a_run_longer_than_one_action_goes_on_by_itself(qtbot, window, monkeypatch, image):
    monkeypatch.setattr(firmware_actions, "STEPS", 2)
    boot(qtbot, window, monkeypatch, image)
    session, panel = window.control.bridge.session, window.workspace.panels["firmware"]
    assert f"instruction {FIRST}" in panel.card.text()
    assert len(session.entries) > 5
    panel.until.setCurrentText("TDG.MEM.PAGE.ACCEPT")
    click(qtbot, window, "fw_run")
    settled(qtbot, window)
    assert session.machine.platform.lps[0].cpu.gprs[0] == 6


def test_escape_stops_it_and_the_window_lives(qtbot, window, monkeypatch, image):
    monkeypatch.setattr(task, "BUDGET", 0.0005)  # a command or two a slice
    choose(monkeypatch, str(image))
    click(qtbot, window, "firmware")
    bridge = window.control.bridge
    qtbot.waitUntil(lambda: bridge.task.done > 20, timeout=20_000)
    window.workspace.panels["firmware"].table.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not bridge.task.running
    assert bridge.session.entries[0].problem == "It was stopped before its end."
    assert not window.workspace.panels["firmware"].next.isEnabled()


@pytest.mark.parametrize(("name", "words"), [("no.fd", "Debian's package ovmf"), ("", "no regular file")])
def test_a_file_that_is_none_is_told_and_nothing_is_lost(qtbot, window, monkeypatch, tmp_path, name, words):
    click(qtbot, window, "sandbox")
    session = window.control.bridge.session
    choose(monkeypatch, str(tmp_path / name))
    window.do("firmware")
    assert words in window.notice.text()
    assert window.control.bridge.session is session


def test_no_file_chosen_changes_nothing(window, monkeypatch):
    choose(monkeypatch, "")
    window.do("firmware")
    assert window.page == "start"


def test_without_the_package_its_name_is_told(window, monkeypatch):
    from tdxviz.session import deeds_firmware

    monkeypatch.setattr(deeds_firmware, "USUAL", ())
    choose(monkeypatch, "")
    window.do("firmware")
    assert "apt install ovmf" in window.notice.text()


def test_the_panel_without_firmware_says_what_to_do(qtbot, window):
    click(qtbot, window, "sandbox")
    window.do("panel:firmware")
    panel = window.workspace.panels["firmware"]
    assert "Debian's package ovmf" in panel.state.text()
    assert not panel.card.isVisible()
    assert not window.findChild(QPushButton, "fw_next").isEnabled()


@pytest.mark.skipif(not OVMF.exists(), reason="Debian's package ovmf is not installed")
def test_ovmf_boots_in_the_window(qtbot, window, monkeypatch):
    boot(qtbot, window, monkeypatch, OVMF)
    panel = window.workspace.panels["firmware"]
    if OVMF.stat().st_size == 2097152:
        assert "instruction 27,197" in panel.card.text()
    for _ in range(3):
        click(qtbot, window, "fw_next")
        settled(qtbot, window)
    assert "TDG.MEM.PAGE.ACCEPT: TDX_SUCCESS" in panel.card.text()
    assert window.control.bridge.session.focus.gpa == 0
