"""The memory modules claim twice their size, so that two addresses share the same cells."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostRead, Reboot
from tdxviz.core.host.setup import setup


def play(scene: Scene) -> Play:
    chips = scene.machine.platform.size
    yield Reboot(spd_factor=2)
    if not scene.legacy:
        return  # the machine has spoken: there is no TDX to attack
    yield from setup(scene.machine)
    line = scene.at("password")
    scene.target(line)
    scene.hpa = chips + line  # the ghost address of the same cells
    yield HostRead(hpa=chips + line, size=64, keyid=0)


ATTACK = Attack(
    id="badram-spd-alias",
    title="Memory modules that claim twice their size",
    who="Somebody with a screwdriver",
    what="rewrites the modules' SPD, reboots, and reads a ghost address",
    where="the cells that hold the password",
    question="Two addresses for the same cells: does the owner bit follow the cell or the address?",
    position="physical",
    property="memory-tamper-detection",
    source="attack catalogue 29",
    play=play,
)
