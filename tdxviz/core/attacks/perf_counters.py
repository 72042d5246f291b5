"""The host reads its own performance counter before and after the guest ran on the same core."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostCount, RaiseInterrupt, RunGuest
from tdxviz.core.host.run import enter


def play(scene: Scene) -> Play:
    scene.target(scene.at("password"))
    yield HostCount(lp=scene.lp)
    yield from enter(scene.machine, scene.lp)
    yield RunGuest(lp=scene.lp, steps=100)
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    yield HostCount(lp=scene.lp)


ATTACK = Attack(
    id="perf-counters",
    title="Count what the guest does",
    who="Host software",
    what="programs a performance counter, lets the guest run, and reads it",
    where="the counters of the core on which the guest runs",
    question="The counter counts retired instructions. Whose?",
    position="software",
    property="side-channel-limit",
    source="attack catalogue 50; ATTRIBUTES.PERFMON",
    play=play,
)
