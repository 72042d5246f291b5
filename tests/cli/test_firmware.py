"""``tdxviz firmware`` as a person types it."""

import json

from tdxviz.cli.main import run
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
