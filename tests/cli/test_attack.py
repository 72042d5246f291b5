import json

from tdxviz.cli import main as cli
from tdxviz.core.attacks import catalogue


def test_the_list_has_every_attack(capsys):
    assert cli.run(["attack", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows] == list(catalogue.IDS)
    told = {way["id"]: way["title"] for row in rows for way in row["variants"]}
    assert told == {way.id: way.title for one in catalogue.attacks() for way in one.variants}
    assert cli.run(["attack", "list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert set(listed) == {*catalogue.IDS, *told}


def test_one_attack_in_every_world(capsys):
    assert cli.run(["attack", "run", "host-read-keyid0", "--world", "all", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["world"], row["class"]) for row in rows] == [
        ("legacy", "succeeds"),
        ("li", "prevented"),
        ("ci", "prevented"),
    ]
    for row in rows:
        assert row["causes"] and len(row["causes"]) == len(row["cause_events"])
        assert set(row["signals"][0]) == {"observer", "kind", "name"}


def test_words_for_people(capsys):
    assert cli.run(["attack", "run", "host-read-keyid0"]) == 0
    assert "NO GAIN" in capsys.readouterr().out
