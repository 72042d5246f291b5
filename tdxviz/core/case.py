"""What the judge is told beside the events: who attacked what, and what was there before."""

from typing import Literal

import msgspec

from tdxviz.core.units import LINE, World

Position = Literal["software", "device", "physical", "inside"]
"""Where the attacker stands."""


class Choice(msgspec.Struct, frozen=True):
    """A place in memory: the guest's address, where it lies, and its bytes."""

    gpa: int
    hpa: int
    size: int = LINE


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge needs beside the events: who attacked what, and what was there before."""

    attack: str
    world: World
    position: Position
    guest: str
    """Actor name of the victim."""
    hpa: int = -1
    """First byte of the target in memory; -1 when memory is not the target."""
    gla: int = -1
    """Where the guest's program has the target (linear address); -1 when that does not matter."""
    expected: bytes = b""
    """What the guest would read at ``hpa`` had nobody interfered."""
    earlier: bytes = b""
    """What the guest itself had there before, where the attack goes back in time."""
    secrets: tuple[bytes, ...] = ()
    """Everything that the guest had there while the attack went on."""
    registers: tuple[int, ...] = ()
    """The guest's general registers when they are the target."""
    choices: tuple[Choice, ...] = ()
    """Places of which the guest uses one, by a secret; empty when no access pattern is the target."""
    saved: tuple[int, ...] = ()
    """RIP and general registers of the guest before the host meddled with it."""
    resumed: tuple[int, ...] = ()
    """The same when the guest was entered again."""
    own_pages: tuple[int, ...] = ()
    """Host pages that the guest itself uses."""
    probe: tuple[int, ...] = ()
    """Lines whose presence in the cache tells the attacker a number: its place here."""
    lies: tuple[int, ...] = ()
    """32-bit values that the host has made up."""
    no_target: str = ""
    """Why the attack has no object in this world; empty if it has one."""
