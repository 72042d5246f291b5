import json

from tdxviz.cli import main as cli
from tdxviz.core.machine import Machine

HEADER = '{"tdxs":1,"scenario":"empty"}\n'


def test_every_command_is_a_step_with_its_line_events_and_status(tmp_path, capsys):
    path = tmp_path / "s.tdxs"
    path.write_text(HEADER + '{"do":"HostWrite","hpa":4096,"data":"AAAA"}\n\n{"do":"Seamcall","rax":999}\n')
    assert cli.run(["script", "run", str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    first, second = answer["steps"]
    assert (first["line"], second["line"]) == (2, 4)
    assert first["command"]["do"] == "HostWrite" and first["status"] is None
    assert any(event["event"] == "HostStored" for event in first["events"])
    assert second["status"]["name"].startswith("TDX_") and second["status"]["value"].startswith("0x")
    machine = Machine("ci")
    assert answer["fingerprint"] != machine.fingerprint()


def test_words_for_people(tmp_path, capsys):
    path = tmp_path / "s.tdxs"
    path.write_text(HEADER + '{"do":"HostRead","hpa":4096}\n')
    assert cli.run(["script", "run", str(path)]) == 0
    text = capsys.readouterr().out
    assert "2: HostRead hpa=0x1000" in text and "HostLoaded" in text and "fingerprint" in text


def test_a_wrong_line_is_told_by_number(tmp_path, capsys):
    path = tmp_path / "s.tdxs"
    path.write_text(HEADER + '{"do":"HostReed"}\n\n')
    assert cli.run(["script", "run", str(path)]) == 2
    error = capsys.readouterr().err
    assert "s.tdxs:2" in error and "HostRead" in error and error.count("\n") == 1


def test_a_half_written_end_is_told_and_the_rest_is_played(tmp_path, capsys):
    path = tmp_path / "s.tdxs"
    path.write_text(HEADER + '{"do":"HostRead","hpa":4096}\n{"do":"Host')
    assert cli.run(["script", "run", str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["steps"]) == 1 and "only half" in answer["notice"]
