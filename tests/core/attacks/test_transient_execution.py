"""What stops it in a TD, proven by taking that away."""

import pytest

from tdxviz.core.attacks.catalogue import attack
from tdxviz.core.attacks.play import play
from tdxviz.core.drive import drive
from tdxviz.core.hw import platform
from tdxviz.core.machine import Machine
from tdxviz.core.units import WORLDS, World


@pytest.mark.parametrize("world", WORLDS)
def test_without_kept_apart_modes_the_same_training_would_reach_a_td(
    ready, monkeypatch, world: World
) -> None:
    """What stops transient-execution in a TD is that the predictor keeps SEAM mode apart, nothing else."""
    monkeypatch.setattr(platform, "IBRS_ALL", 0)
    machine: Machine = ready(world)

    _, verdict = drive(machine, play(machine, attack("transient-execution")))

    assert (verdict.outcome, verdict.confidentiality) == ("succeeds", "lost")
    assert ("host", "data", "leaked bytes by timing") in [
        (s.observer, s.kind, s.name) for s in verdict.signals
    ]
