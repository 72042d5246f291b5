import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tdxviz.cli import main as cli


def call(*argv: str) -> int:
    """Exit code of the command line, also where argparse leaves early."""
    try:
        return cli.run(list(argv))
    except SystemExit as leave:
        return int(leave.code or 0)


@pytest.mark.parametrize("command", [[], ["lesson"], ["attack"], ["script"], ["selfcheck"]])
def test_help_is_there_for_every_command(command, capsys):
    assert call(*command, "--help") == 0
    assert "usage:" in capsys.readouterr().out


def test_the_overview_names_every_command(capsys):
    call("--help")
    text = capsys.readouterr().out
    for name in ("lesson", "attack", "script", "selfcheck", "screenshot", "record"):
        assert name in text


@pytest.mark.parametrize(
    "argv",
    [
        ["lesson"],
        ["lesson", "fly"],
        ["lesson", "run", "no-such-lesson"],
        ["lesson", "check", "/no/such/lesson.md"],
        ["attack", "run"],
        ["attack", "run", "host-reed-keyid0"],
        ["attack", "run", "all", "--world", "mars"],
        ["script", "run", "/no/such/file.tdxs"],
        ["--no-such-option-at-all", "--help-me"],
    ],
)
def test_bad_input_is_exit_code_2_without_a_traceback(argv, capsys):
    assert call(*argv) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert captured.err + captured.out


def test_bugs_of_ours_are_not_hidden(monkeypatch):
    def broken(argv):
        raise AssertionError("a bug")

    monkeypatch.setattr(cli, "_dispatch", broken)
    with pytest.raises(AssertionError):
        cli.run([])


def test_an_interrupt_ends_quietly(monkeypatch, capsys):
    def interrupted(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_dispatch", interrupted)
    assert cli.run([]) == 130
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""


def test_without_a_command_the_app_gets_the_arguments(monkeypatch):
    given = []
    monkeypatch.setattr(cli, "_delegate", lambda module, args: given.append((module, args)) or 0)
    assert cli.run(["lessons/01"]) == 0
    assert cli.run([]) == 0
    assert cli.run(["screenshot", "-o", "x"]) == 0
    assert given == [
        ("tdxviz.app", ["lessons/01"]),
        ("tdxviz.app", []),
        ("tdxviz.ui.screenshot", ["-o", "x"]),
    ]


def test_a_missing_window_part_is_told(capsys):
    assert cli._delegate("tdxviz.no_such_module", []) == 2
    assert "missing" in capsys.readouterr().err


def seconds(*argv: str) -> float:
    """The fastest of three runs, which is the least disturbed one."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, *argv], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_help_is_quick_and_loads_neither_qt_nor_the_core():
    assert seconds("-m", "tdxviz", "--help") <= 12 * seconds("-c", "pass")
    code = (
        "import sys; from tdxviz.cli.main import run\n"
        "try: run(['--help'])\nexcept SystemExit: pass\n"
        "heavy = ('PySide6', 'numpy', 'cryptography', 'iced_x86', 'msgspec', 'tdxviz.core')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_selfcheck_answers_in_words_and_json(capsys):
    code = call("selfcheck", "--json")
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out) if row["what"]}
    assert rows["AES-XTS (IEEE 1619)"]["ok"] and rows["SHA3-256"]["ok"] and rows["SHA-384"]["ok"]
    assert code == (0 if all(row["ok"] is not False for row in rows.values()) else 1)


def heed_interrupts() -> None:
    """Children of a background job inherit a SIGINT that is ignored; a person's shell gives none."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a posix affair")
def test_ctrl_c_ends_quietly_with_130():
    running = subprocess.Popen(
        [sys.executable, "-m", "tdxviz", "attack", "run", "all", "--world", "all", "--seed", "8"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=heed_interrupts,
    )
    assert running.stdout is not None
    running.stdout.readline()  # it is at work
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    # interrupted in the middle of some import, CPython ends itself by the signal: the same to a shell
    assert running.returncode in (130, -signal.SIGINT) and errors == b""
