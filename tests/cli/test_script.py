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


CALLS = """{"do":"Seamcall","leaf":"TDH.SYS.INIT"}
{"do":"Seamcall","leaf":"TDH.SYS.LP.INIT","lp":3}
{"do":"Seamcall","leaf":"TDH.SYS.CONFIG","rcx":"0x11","rdx":1,"r8":"0x20"}
{"do":"Seamcall","leaf":"TDH.SYS.INIT","rcx":"0xFFFFFFFFFFFFFFFF"}
{"do":"Seamcall","rax":"0x7FFFFFFFFFFFFFFF"}
"""


def test_a_file_of_seamcalls_prints_each_completion_with_its_reason(tmp_path, capsys):
    path = tmp_path / "calls.tdxs"
    path.write_text(HEADER + CALLS)
    assert cli.run(["script", "run", str(path)]) == 0
    text = capsys.readouterr().out
    assert "2: TDH.SYS.INIT\n    -> TDX_SUCCESS 0x0000000000000000\n" in text
    assert "3: TDH.SYS.LP.INIT lp=3" in text
    assert "inputs={RCX 0xffffffffffffffff}" in text
    assert "-> TDX_SYS_CONFIG_NOT_PENDING 0xc000050c00000000: SYS.LP.INIT is missing" in text
    assert "-> TDX_OPERAND_INVALID 0xc000010000000001 (RCX): RCX has reserved bits set [check: RCX" in text
    assert "6: Seamcall rax=0x7fffffffffffffff" in text and "(RAX): RAX has reserved bits set" in text


def test_tools_get_the_same(tmp_path, capsys):
    path = tmp_path / "calls.tdxs"
    path.write_text(HEADER + CALLS)
    assert cli.run(["script", "run", str(path), "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    status = steps[3]["status"]
    assert (status["name"], status["operand"], status["leaf"]) == (
        "TDX_OPERAND_INVALID",
        "RCX",
        "TDH.SYS.INIT",
    )
    assert status["value"] == "0xc000010000000001" and status["reason"] and status["check"]
    assert steps[0]["command"]["rax"] == 33 and steps[0]["status"]["check"] is None


def test_a_mistyped_leaf_tells_line_column_and_the_nearest(tmp_path, capsys):
    path = tmp_path / "calls.tdxs"
    path.write_text(HEADER + CALLS + '{"do":"Seamcall","leaf":"TDH.SYS.INTI"}\n\n')
    assert cli.run(["script", "run", str(path)]) == 2
    assert (
        "calls.tdxs:7:26: there is no leaf 'TDH.SYS.INTI'; did you mean 'TDH.SYS.INIT'"
        in capsys.readouterr().err
    )


def test_what_the_dispatcher_refuses_failed_no_check(tmp_path, capsys):
    path = tmp_path / "version.tdxs"
    path.write_text(HEADER + '{"do":"Seamcall","leaf":"TDH.PHYMEM.PAGE.RDMD","version":1,"rcx":4096}\n')
    assert cli.run(["script", "run", str(path), "--json"]) == 0
    (step,) = json.loads(capsys.readouterr().out)["steps"]
    assert step["status"]["name"] == "TDX_OPERAND_INVALID" and step["status"]["operand"] == "RAX"
    assert step["status"]["check"] is None and step["status"]["reason"]
