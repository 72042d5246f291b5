"""A moment: everything a view needs in order to paint, however it was reached."""

from dataclasses import dataclass, field

from tdxviz.core.events import Event
from tdxviz.core.machine import Machine
from tdxviz.core.outcome import Verdict
from tdxviz.core.units import Gpa, Hpa, World
from tdxviz.session.inside import Depth
from tdxviz.session.timeline import Entry


@dataclass(frozen=True, slots=True)
class Focus:
    """What the learner points at. Any subset of the fields; ``Focus()`` is nothing."""

    hpa: Hpa | None = None
    gpa: Gpa | None = None
    event: int | None = None
    """Number of an event on the timeline, counted from 0."""
    register: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of the timeline. Good until the next one; nobody may change ``machine``."""

    machine: Machine
    index: int
    """Events shown so far, counted from the end of the setup: 0..total."""
    total: int
    news: tuple[Event, ...] = ()
    """Events of the step just made; empty after a jump or a step back."""
    event: Event | None = None
    """The last event shown; None at index 0."""
    entry: Entry | None = None
    """The action that event belongs to."""
    chapter: str = ""
    """The action in words."""
    verdict: Verdict | None = None
    """Of the newest attack finished by now; ``causes`` are event numbers of this timeline."""
    focus: Focus = field(default_factory=Focus)
    hover: Focus | None = None
    pins: tuple[Focus, ...] = ()
    compare: Machine | None = None
    """The machine of the other world after the same actions, in compare mode."""
    depth: Depth | None = None
    """Where in a silent run this is; None between commands and in runs that told everything."""
    instruction: int = 0
    """Instructions of all runs of this timeline done by now."""
    instructions: int = 0
    """All there are on this timeline."""

    @property
    def world(self) -> World:
        return self.machine.world

    @property
    def frozen(self) -> bool:
        """In the middle of a command: between two micro-operations."""
        return self.machine.frozen
