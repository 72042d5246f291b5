import json
import shutil

from tdxviz.cli import main as cli
from tdxviz.session.lessons.library import Library


def test_the_list_names_every_lesson(capsys):
    assert cli.run(["lesson", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows][:4] == ["tour", "who-reads", "cache-line", "host-writes"]
    assert cli.run(["lesson", "list"]) == 0
    assert "who-reads" in capsys.readouterr().out


def test_a_lesson_runs_headless_with_every_check_false_then_true(capsys):
    folder = Library().find("host-writes").path.parent
    assert cli.run(["lesson", "run", str(folder), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["id"] == "host-writes" and row["passed"] and row["seconds"] > 0
    assert all(not one["before"] and one["after"] for one in row["checks"])
    assert cli.run(["lesson", "run", "tour"]) == 0
    assert "tour: passed" in capsys.readouterr().out


def test_the_schema_of_the_format_is_printed(capsys):
    assert cli.run(["lesson", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "steps" in schema["$defs"]["Front"]["properties"]


def test_a_folder_of_lessons_runs_them_all(capsys):
    assert cli.run(["lesson", "check", str(Library().folder), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(Library().paths)


def test_a_readme_beside_the_lessons_is_passed_over(tmp_path, capsys):
    (tmp_path / "README.md").write_text("Lessons.")
    assert cli.run(["lesson", "check", str(tmp_path / "README.md"), "tour"]) == 0


def test_a_lesson_whose_solution_does_not_work_fails(tmp_path, capsys):
    source = Library().find("host-writes").path
    copy = tmp_path / "lesson.md"
    shutil.copy(source, copy)
    text = copy.read_text().replace(
        'auto: {do: host.store, target: secret, pattern: "0xCC"}',
        "auto: {do: host.load, target: secret}",
    )
    copy.write_text(text)
    assert cli.run(["lesson", "run", str(copy)]) == 1
    assert "FAILED" in capsys.readouterr().out
    assert cli.run(["lesson", "check", str(copy)]) == 1
    assert "still missing" in capsys.readouterr().out


def test_a_broken_lesson_is_bad_input(tmp_path, capsys):
    copy = tmp_path / "lesson.md"
    copy.write_text("no front matter")
    assert cli.run(["lesson", "check", str(copy)]) == 2
    assert cli.run(["lesson", "run", str(copy)]) == 2
    assert "begins with" in capsys.readouterr().err
