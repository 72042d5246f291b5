"""Recordings from the command line: the same twice, whole or absent."""

import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest

from tdxviz.core.faults import TdxvizError
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui import record

DEMOS = Path(__file__).resolve().parents[2] / "demos"
SHORT = """tdxrec 1
lesson who-reads
chapter "One"  caption "The host reads."  hold 200ms
do attack id=host-read-keyid0 over 400ms  wait event mem.read
spotlight panel eyes  hold 200ms
banner  hold 200ms
"""


def demo(folder: Path, text: str = SHORT) -> Path:
    path = folder / "short.tdxrec"
    path.write_text(text)
    return path


def shot(source: Path | str, out: Path, **more: str) -> int:
    asked = {"size": "640x360", "theme": None, "scale": "0.7", "fps": None}
    return record.main(Namespace(source=str(source), output=str(out), **{**asked, **more}))


def test_the_same_demo_gives_the_same_pictures(tmp_path, capsys) -> None:
    source = demo(tmp_path)
    for name in ("one", "two"):
        assert shot(source, tmp_path / name) == 0
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("one", "two"))
    assert one == two
    assert len(one) >= 5
    assert "00:00:00.000 --> 00:00:01.000" in (tmp_path / "one.vtt").read_text()
    assert "wrote" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(DEMOS.glob("*.tdxrec")), ids=lambda path: path.stem)
def test_every_demo_of_the_repository_plays(tmp_path, path: Path) -> None:
    assert shot(path, tmp_path / "out", fps="2") == 0
    assert len(list((tmp_path / "out").glob("*.png"))) >= 5


def test_a_script_is_recorded_action_by_action(tmp_path) -> None:
    session = Session("ci")
    session.act(Action("attack", {"id": "host-read-keyid0"}))
    session.save(tmp_path / "a.tdxs")
    assert shot(tmp_path / "a.tdxs", tmp_path / "out.png", fps="2") == 0
    assert (tmp_path / "out" / "0001.png").exists()


def test_cues_can_be_written_and_played_again(tmp_path) -> None:
    assert shot("who-reads", tmp_path / "mine.tdxrec") == 0
    text = (tmp_path / "mine.tdxrec").read_text()
    assert text.startswith('tdxrec 1\nlesson "who-reads"\n')
    assert record.parse(text).cues


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("do nothing hold 1s", "short.tdxrec:2: do: there is no action 'nothing'"),
        ("step atack hold 1s", "did you mean 'attack'|has no step"),
        ("banner hold 1s", "no attack has been judged yet"),
        ("spotlight panel plot hold 1s", "is not on screen"),
        ("spotlight anchor nowhere hold 1s", "has no anchor"),
        ("layout stages hold 1s", "did you mean 'stage'"),
        ("do attack id=host-read-keyid0 wait event td.fatal hold 1s", "no event 'td.fatal' came of it"),
        ("go 99 hold 1s", "there are only 0 events"),
    ],
)
def test_a_cue_that_cannot_be_carried_out_names_its_line(tmp_path, text: str, words: str) -> None:
    with pytest.raises(TdxvizError, match=words):
        shot(demo(tmp_path, f"tdxrec 1\nlesson who-reads {text}\n"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"size": "64"}, "must look like"),
        ({"size": "641x360"}, "must be even"),
        ({"size": "9x9"}, "each side"),
        ({"theme": "drak"}, "did you mean 'dark'"),
        ({"scale": "9"}, "0.7"),
        ({"fps": "0"}, "must be 1"),
        ({"fps": "x"}, "must be numbers"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_painted(tmp_path, more: dict, words: str) -> None:
    with pytest.raises(TdxvizError, match=words):
        shot(demo(tmp_path), tmp_path / "out", **more)


def heed_interrupts() -> None:
    """Children of a background job inherit a SIGINT that is ignored; a person's shell gives none."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_file_behind(tmp_path, number: int) -> None:
    out = tmp_path / "out" / "film"
    started = subprocess.Popen(
        [sys.executable, "-m", "tdxviz", "record", "host-writes", "-o", str(out)],
        stderr=subprocess.PIPE, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, text=True,
        preexec_fn=heed_interrupts,
    )  # fmt: skip
    part = out.with_name(".film.part")
    until = time.monotonic() + 30
    while not (part / "0003.png").exists() and started.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    started.send_signal(number)
    _, said = started.communicate(timeout=30)
    assert started.returncode == 130, said
    assert "Traceback" not in said
    assert list(out.parent.iterdir()) == []
