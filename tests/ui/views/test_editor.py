"""The editor as a learner uses it."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from tdxviz.ui.present import editor as present
from tdxviz.ui.theme import DARK, LIGHT
from tdxviz.ui.views.editor import EditorPanel
from tests.core.guest.load.test_elf import file, program
from tests.ui import stage_kit as kit


@pytest.fixture
def panel(qtbot):
    made = kit.shown(EditorPanel, kit.bridge(), LIGHT, (700, 500))
    qtbot.addWidget(made)
    yield made
    made.program.stop()


def run(panel, qtbot, world: str):
    with qtbot.waitSignal(panel.program.ended, timeout=60_000) as blocker:
        panel.run(world)
        assert panel.program.running
    return blocker.args[0]


@pytest.mark.parametrize("world", ["ci", "legacy"])
def test_a_guest_of_the_gallery_runs(panel, qtbot, world):
    outcome = run(panel, qtbot, world)
    assert outcome.exit_code == 0
    assert panel.output.toPlainText() == "hello from inside the trust domain\n"
    assert panel.state.text().startswith("[exit: ")
    assert "hello from inside" in panel.describe()


def test_an_error_is_told_and_marked_on_its_line(panel):
    panel.text.setPlainText("nop\n  mvo eax, 1\n")
    panel.check()
    assert panel.state.text() == "line 2, column 3: there is no instruction 'mvo'; did you mean 'mov'?"
    (mark,) = panel.text.extraSelections()
    assert mark.cursor.blockNumber() == 1
    panel.run("legacy")
    assert not panel.program.running
    panel.text.setPlainText("nop\n")
    panel.check()
    assert panel.text.extraSelections() == []
    assert panel.state.text() == "assembles to 1 bytes"


def test_a_program_that_loops_can_be_stopped(panel, qtbot):
    panel.text.setPlainText("1: jmp 1b\n")
    panel.run("legacy")
    qtbot.waitUntil(lambda: panel.program.machine.platform.lps[0].retired > 5_000, timeout=60_000)
    panel.stop.click()
    assert not panel.program.running
    assert panel.state.text() == "stopped"


def test_choosing_a_guest_opens_its_source(panel):
    panel.open("crc32")
    assert panel.text.toPlainText().startswith("# crc32: ")
    assert "CRC-32" in panel.about.text()


def test_no_moment_changes_the_text_and_themes_do_not_either(panel):
    panel.text.setPlainText("nop # mine")
    panel.show_moment(kit.bridge("legacy").moment)
    panel.set_theme(DARK)
    assert panel.text.toPlainText() == "nop # mine"


def test_a_program_that_cannot_be_loaded_is_told(panel, qtbot):
    panel.text.setPlainText("# nothing\n")
    with qtbot.waitSignal(panel.program.failed, timeout=5_000):
        panel.run("ci")
    assert "smallest program" in panel.state.text()


def test_a_run_can_be_looked_into_instruction_by_instruction(panel, qtbot):
    panel.open("crc32")
    outcome = run(panel, qtbot, "ci")
    assert panel.look.isEnabled()
    bridge, console = panel.bridge, panel.output.toPlainText()
    panel.look.click()
    session = bridge.session
    assert session is panel.program.session
    moment = session.moment
    assert moment.instruction == moment.instructions - 1 >= outcome.instructions - 1
    middle = session.go_to_instruction(moment.instructions // 2)
    wanted = middle.machine.fingerprint()
    session.step("instruction", -1)
    assert session.step("instruction", 1).machine.fingerprint() == wanted
    numbers = range(moment.instructions // 2, moment.instructions, 37)
    lines = {present.line_now(session.go_to_instruction(n), panel.text.toPlainText()) for n in numbers}
    text = panel.text.toPlainText().splitlines()
    assert len(lines - {0}) > 3
    assert all(text[line - 1].split("#")[0].strip() for line in lines if line)
    panel.show_moment(session.go_to_instruction(numbers[0]))
    assert panel.output.toPlainText() == console


def test_a_stopped_run_keeps_what_it_did(panel, qtbot):
    panel.text.setPlainText("1: inc rax\n jmp 1b\n")
    panel.run("legacy")
    qtbot.waitUntil(lambda: panel.program.machine.platform.lps[0].retired > 5_000, timeout=60_000)
    panel.stop.click()
    assert panel.look.isEnabled()
    session = panel.program.session
    assert session.entries[-1].problem == "It was stopped before its end."
    assert session.moment.instructions > 5_000
    there = session.go_to_instruction(4_000).machine.platform.lps[0].cpu.gprs[0]
    assert session.step("instruction", -4).machine.platform.lps[0].cpu.gprs[0] == there - 2


def test_a_lesson_is_not_swept_away_by_a_run(panel, qtbot):
    run(panel, qtbot, "legacy")
    told = []
    panel.bridge.player = object()
    panel.bridge.slipped.connect(told.append)
    panel.look.click()
    panel.bridge.player = None
    assert told and "lesson" in told[0]
    assert panel.bridge.session is not panel.program.session


def test_a_program_that_tells_too_much_runs_on_unrecorded(panel, qtbot, monkeypatch):
    monkeypatch.setattr("tdxviz.ui.program_run.MOST_EVENTS", 3_000)
    panel.text.setPlainText(
        "mov ebx, 300\n1: mov al, 65\n out 0xE9, al\n dec ebx\n jnz 1b\n xor eax, eax\n ret\n"
    )
    outcome = run(panel, qtbot, "ci")
    assert (outcome.console, outcome.exit_code) == (b"A" * 300, 0)
    session = panel.program.session
    assert session.entries[-1].problem == "Its end was not recorded: it told too much."
    assert 3_000 <= session.total < 3_100
    recorded = session.machine.fingerprint()
    session.go_to_instruction(600)
    assert session.go_to(session.total).machine.fingerprint() == recorded


FLAT = bytes.fromhex("b041e6e9 b000e6f4")
"""mov al, 'A'; out 0xE9, al; mov al, 0; out 0xF4, al"""


def pick(panel, qtbot, monkeypatch, path, raw: bytes) -> None:
    """Write a file, click Open and choose it."""
    path.write_bytes(raw)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(path), ""))
    qtbot.mouseClick(panel.open_file, Qt.MouseButton.LeftButton)


@pytest.mark.parametrize("world", ["td", "vm"])
def test_an_elf_is_opened_run_and_looked_into(panel, qtbot, monkeypatch, tmp_path, world):
    mine = panel.text.toPlainText()
    pick(panel, qtbot, monkeypatch, tmp_path / "a.out", file(program(filesz=8, memsz=8), data=FLAT))
    assert panel.about.text().startswith("ELF64 a.out: entry 0x401000, 1 segment")
    assert "out 0xE9, al" in panel.text.toPlainText() and panel.text.isReadOnly()
    assert panel.state.text() == "ready to run; a listing cannot be changed"
    assert panel.text.textCursor().blockNumber() == panel.binary.first - 1
    with qtbot.waitSignal(panel.program.ended, timeout=60_000):
        qtbot.mouseClick(panel.run_td if world == "td" else panel.run_vm, Qt.MouseButton.LeftButton)
    assert panel.output.toPlainText() == "A"
    qtbot.mouseClick(panel.look, Qt.MouseButton.LeftButton)
    session = panel.bridge.session
    assert session is panel.program.session
    total = session.moment.instructions
    lines = {panel.binary.line_now(session.go_to_instruction(n)) for n in range(total)}
    rows = panel.text.toPlainText().splitlines()
    said = [rows[n - 1].split("#")[0].strip() for n in sorted(lines - {0})]
    assert said == ["mov al, 0x41", "out 0xE9, al", "mov al, 0", "out 0xF4, al"]
    qtbot.mouseClick(panel.new, Qt.MouseButton.LeftButton)
    assert panel.text.toPlainText() == mine and not panel.text.isReadOnly()


def test_a_flat_binary_is_opened_and_the_gallery_leads_back(panel, qtbot, monkeypatch, tmp_path):
    pick(panel, qtbot, monkeypatch, tmp_path / "a.bin", FLAT)
    assert panel.about.text().startswith("Flat binary a.bin: entry 0x400000")
    assert "listing" in panel.describe()
    assert run(panel, qtbot, "legacy").console == b"A"
    panel.open("crc32")
    assert panel.binary is None and not panel.text.isReadOnly()
    pick(panel, qtbot, monkeypatch, tmp_path / "b.s", b"nop\n bad\n")
    assert panel.state.text().startswith("line 2, column 2")


@pytest.mark.parametrize(
    "raw, words",
    [
        (file(program(), machine=183), "64-bit Arm"),
        (file(program(), cut=0x1002), "cut off"),
        (file(program(memsz=10 << 30)), "16 MiB is the most"),
        (bytes((32 << 20) + 1), "a program has 1 to"),
    ],
    ids=["Arm", "cut", "10 GiB", "too big"],
)
def test_a_hostile_file_is_told_and_changes_nothing(panel, qtbot, monkeypatch, tmp_path, raw, words):
    mine = panel.text.toPlainText()
    pick(panel, qtbot, monkeypatch, tmp_path / "evil.elf", raw)
    assert words in panel.state.text()
    assert panel.text.toPlainText() == mine and panel.binary is None
