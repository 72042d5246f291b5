"""A client waits for an answer of the guest, and the host simply does not run it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostWait, RaiseInterrupt, RunGuest


def play(scene: Scene) -> Play:
    scene.target(scene.at("password"))
    if scene.machine.platform.lps[scene.lp].mode != "host":
        yield RaiseInterrupt(lp=scene.lp, vector=0x20)
        yield RunGuest(lp=scene.lp, steps=1)
    yield HostWait(steps=1000)


ATTACK = Attack(
    id="never-schedule",
    title="Simply do not run the guest",
    who="Host software",
    what="never enters the vCPU again",
    where="the host's scheduler",
    question="What does TDX promise about a guest that never gets the processor?",
    position="software",
    property="availability-limit",
    source="attack catalogue 60",
    play=play,
)
