"""Play an attack as a script and judge it by its own events."""

from collections.abc import Generator

from tdxviz.core.attacks.scene import Attack, Scene
from tdxviz.core.commands import Command
from tdxviz.core.events import Event
from tdxviz.core.machine import Machine
from tdxviz.core.outcome import Verdict
from tdxviz.core.verdict import judge


def play(machine: Machine, attack: Attack) -> Generator[Command, tuple[Event, ...], Verdict]:
    """Yield the attack's commands; the caller sends each one's events; returns the verdict.

    ``Verdict.causes`` count from the first event of the attack.

    Raises:
        TdxvizError: there is no living guest to attack.
    """
    scene = Scene(machine)
    scene.require_victim()
    story: list[Event] = []
    script = attack.play(scene)
    try:
        command = next(script)
        while True:
            events = yield command
            story.extend(events)
            command = script.send(events)
    except StopIteration:
        pass
    return judge(attack.case(scene), story)
