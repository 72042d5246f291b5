"""The host interrupts again and again, on purpose, and measures how far the guest got each time."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostClock, RaiseInterrupt, RunGuest
from tdxviz.core.host.run import enter

ROUNDS = 4


def play(scene: Scene) -> Play:
    scene.target(scene.at("password"))
    for _ in range(ROUNDS):
        yield HostClock(lp=scene.lp)
        yield from enter(scene.machine, scene.lp)
        yield RunGuest(lp=scene.lp, steps=3)
        yield RaiseInterrupt(lp=scene.lp, vector=0x20)
        yield RunGuest(lp=scene.lp, steps=1)
        yield HostClock(lp=scene.lp)


ATTACK = Attack(
    id="stumblestepping",
    title="Count instructions in spite of the filter",
    who="Host software",
    what="interrupts the guest early and measures how long it took to come out",
    where="the module's stepping filter",
    question="The filter lets a random number of instructions pass. Is the number a secret?",
    position="software",
    property="side-channel-limit",
    source="attack catalogue 47; tdx-architecture 9.7",
    play=play,
)
