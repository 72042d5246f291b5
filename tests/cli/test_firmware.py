"""``tdxviz firmware`` as a person types it."""

import json

from tdxviz.cli import firmware
from tdxviz.cli.main import run
from tests.core.host.test_firmware import TALKS, tiny
from tests.core.host.test_tdvf import GOOD, image


def test_measure(tmp_path, capsys):
    path = tmp_path / "f.fd"
    path.write_bytes(image(GOOD))
    assert run(["firmware", "measure", str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["mrtd"]) == 96
    assert [row["type"] for row in answer["sections"]] == ["BFV", "CFV", "TD_HOB", "PermMem", "TD_INFO"]
    assert run(["firmware", "measure", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"MRTD {answer['mrtd']}\n")


def test_files_that_are_none(tmp_path, capsys):
    for name, words in (
        (str(tmp_path), "is a folder"),
        (str(tmp_path / "no"), "there is no file"),
        ("\x00", ""),
    ):
        assert run(["firmware", "measure", name]) == 2
        assert words in capsys.readouterr().err


def booted(path, *more: str) -> int:
    return run(["firmware", "boot", str(path), "--memory", "32", "--go-on", *more])


def test_boot_tells_the_tdcalls_and_what_it_wrote(tmp_path, capsys):
    path = tmp_path / "tiny.fd"
    path.write_bytes(tiny(TALKS).raw)
    assert booted(path, "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert first["console"] == "K"
    assert first["reason"].startswith("reset: ")
    assert first["instructions_to_first_tdcall"] == first["tdcalls"][0]["instruction"]
    assert [call["leaf"] for call in first["tdcalls"]] == ["TDG.MEM.PAGE.ACCEPT"] + ["TDG.VP.VMCALL"] * 3
    assert booted(path, "--json") == 0
    assert json.loads(capsys.readouterr().out) == first
    assert booted(path) == 0
    said = capsys.readouterr().out
    assert "--- what it wrote to its serial port\nK\n" in said
    assert f"{first['instructions_to_first_tdcall']:,} to the first TDCALL; 4 TDCALLs; reset" in said


def test_interrupted_it_tells_how_far_it_came(tmp_path, capsys, monkeypatch):
    path = tmp_path / "tiny.fd"
    path.write_bytes(tiny().raw)

    def press(self, job) -> None:
        if job.total == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(firmware._Progress, "__call__", press)
    assert booted(path) == 130
    said = capsys.readouterr().out
    assert "TDG.VP.INFO" in said
    assert "3 TDCALLs; interrupted" in said
