"""What a verdict says: its class, its word, and what decided it. ``verdict`` computes it.

Source: attack catalogue, outcome classes.
"""

from typing import Literal

import msgspec

from tdxviz.core.units import World

OutcomeClass = Literal[
    "impossible",
    "prevented",
    "detected",
    "degraded-to-DoS",
    "mitigated-by-guest-software",
    "succeeds-out-of-scope",
    "succeeds",
]

WORDS: dict[str, tuple[str, str]] = {
    "impossible": ("NO TARGET", "dash"),
    "blocked": ("BLOCKED", "shield"),
    "prevented": ("NO GAIN", "ring"),
    "detected": ("DETECTED", "check"),
    "degraded-to-DoS": ("ONLY AVAILABILITY LOST", "power"),
    "mitigated-by-guest-software": ("THE GUEST'S JOB", "wrench"),
    "succeeds-out-of-scope": ("NOT TDX'S JOB", "triangle"),
    "succeeds": ("SUCCEEDED", "cross"),
}
"""Class (and ``blocked``, the refused half of ``prevented``) -> word and shape on screen."""


class Signal(msgspec.Struct, frozen=True):
    """What somebody could notice, with the name the architecture gives it."""

    observer: str
    kind: str
    name: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """``causes`` are indices into the events the verdict was computed from."""

    attack: str
    world: World
    outcome: OutcomeClass
    word: str
    shape: str
    sentence: str
    confidentiality: str
    integrity: str
    availability: str
    freshness: str
    signals: tuple[Signal, ...]
    causes: tuple[int, ...]
    decided_by: str
