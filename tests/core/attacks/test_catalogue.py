"""Every modelled attack in all three worlds, held against the researched catalogue."""

import pytest

from tdxviz.core.attacks.catalogue import IDS, attack, attacks
from tdxviz.core.attacks.play import play
from tdxviz.core.drive import drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.units import WORLDS, World

MODES = {"legacy": "legacy", "li": "tdx-li", "ci": "tdx-ci"}


def the_row(reference, attack_id: str) -> dict:
    rows = reference("attacks.json")["attacks"]
    return next(row for row in rows if row["id"] == attack_id)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack_id", IDS)
def test_verdict_and_signals_equal_the_catalogue(ready, reference, attack_id: str, world: World) -> None:
    machine: Machine = ready(world)

    story, verdict = drive(machine, play(machine, attack(attack_id)))

    expected = the_row(reference, attack_id)["outcomes"][MODES[world]]
    assert verdict.outcome == expected["class"]
    assert [(s.observer, s.kind, s.name) for s in verdict.signals] == [
        (s["observer"], s["kind"], s["name"])
        for s in expected["signals"]
        if not s.get("detail", "").startswith("optional")  # a guest must have asked to be told
    ]
    assert verdict.causes or verdict.outcome == "impossible"
    assert all(0 <= cause < len(story) for cause in verdict.causes)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("attack_id", IDS)
def test_availability_and_victim_agree_with_the_catalogue(
    ready, reference, attack_id: str, world: World
) -> None:
    machine: Machine = ready(world)

    _, verdict = drive(machine, play(machine, attack(attack_id)))

    expected = the_row(reference, attack_id)["outcomes"][MODES[world]]
    assert (verdict.availability == "lost") == expected["availability_loss"]
    assert (verdict.confidentiality == "lost") == (expected["attacker_gain"] == "plaintext")
    assert (verdict.freshness == "lost") == (expected["attacker_gain"] == "stale-write")
    written = expected["attacker_gain"] in ("chosen-write", "garbled-write", "code-exec")
    assert (verdict.integrity == "lost") == written


@pytest.mark.parametrize("attack_id", IDS)
def test_titles_and_positions_are_the_catalogues(reference, attack_id: str) -> None:
    row = the_row(reference, attack_id)
    position = {
        "host-software": "software", "malicious-firmware": "software",
        "dma-device": "device", "physical-interposer": "physical", "inside-td": "inside",
    }  # fmt: skip

    assert attack(attack_id).position == position[row["actor"]]
    assert attack(attack_id).property == row["seed_property"]


def test_an_unknown_attack_names_the_nearest() -> None:
    with pytest.raises(TdxvizError, match="did you mean 'cold-boot'"):
        attack("cold-bot")


def test_a_dead_td_cannot_be_attacked_again(ready) -> None:
    machine = ready("ci")
    drive(machine, play(machine, attack("host-write-full-line")))

    with pytest.raises(TdxvizError, match="nobody left to attack"):
        drive(machine, play(machine, attack("host-read-keyid0")))


def test_attacks_can_be_played_one_after_another(ready) -> None:
    machine = ready("ci")

    for name in ("host-read-keyid0", "dma-read-private", "register-peek-on-exit", "host-read-keyid0"):
        _, verdict = drive(machine, play(machine, attack(name)))
        assert verdict.word == "NO GAIN"


def test_every_attack_file_is_listed() -> None:
    assert {a.id for a in attacks()} == set(IDS)
    assert len(attacks()) == len(IDS)
