"""One telling of the story: a list of actions and what they became in each world."""

from dataclasses import dataclass, field

from tdxviz.core.faults import TdxvizError
from tdxviz.core.units import World
from tdxviz.session.actions import Action, expand
from tdxviz.session.inside import Depth
from tdxviz.session.setup import prepared
from tdxviz.session.timeline import Timeline


@dataclass
class Branch:
    """``actions`` is the story; a timeline that is behind it catches up when it is asked for."""

    name: str
    seed: int
    scenario: str
    parent: int = -1
    """Number of the branch it left, -1 for the first."""
    fork_index: int = 0
    """Index at which it left its parent, in the world where that happened."""
    fork_depth: Depth | None = None
    """The same, if that was inside a silent run."""
    actions: list[Action] = field(default_factory=list)
    timelines: dict[World, Timeline] = field(default_factory=dict)

    def timeline(self, world: World) -> Timeline:
        """The story in this world, complete."""
        timeline = self.timelines.get(world)
        if timeline is None:
            timeline = Timeline(prepared(world, self.seed, self.scenario))
            self.timelines[world] = timeline
        for action in self.actions[len(timeline.entries) :]:
            perform_or_note(timeline, action)
        return timeline

    def fork(self, name: str, number: int, world: World, index: int, depth: Depth | None = None) -> "Branch":
        """A branch off this one (which is branch ``number``) at an index of one world."""
        timeline = self.timeline(world).fork(index, depth)
        actions = [entry.action for entry in timeline.entries]
        return Branch(name, self.seed, self.scenario, number, index, depth, actions, {world: timeline})


def perform_or_note(timeline: Timeline, action: Action) -> None:
    """An action that makes no sense in this world becomes an entry that says why."""
    known = len(timeline.entries)
    try:
        timeline.perform(action, expand(timeline.machine, action))
    except TdxvizError as error:
        if len(timeline.entries) == known:
            timeline.give_up(action, str(error))


@dataclass(frozen=True, slots=True)
class Bookmark:
    name: str
    branch: int
    world: World
    index: int
