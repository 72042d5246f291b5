"""A timer that fires after one instruction, round after round."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostApic, RaiseInterrupt, RunGuest
from tdxviz.core.host.run import enter

ROUNDS = 6


def play(scene: Scene) -> Play:
    yield from scene.run_until("lookup")
    for _ in range(ROUNDS):
        yield from enter(scene.machine, scene.lp)
        yield RunGuest(lp=scene.lp, steps=1)
        yield RaiseInterrupt(lp=scene.lp, vector=0x20)
        yield RunGuest(lp=scene.lp, steps=1)


def apic_off(scene: Scene) -> Play:
    """The filter keeps an interruption in the local APIC; so the host switches that off."""
    yield HostApic(mode="disabled", lp=scene.lp)
    yield from play(scene)


ATTACK = Attack(
    id="single-step",
    title="One instruction at a time",
    who="Host software",
    what="lets its timer fire after the guest's first instruction, each time it enters it",
    where="the vCPU",
    question="Who stops a guest after every instruction sees its every step. Does the host get that far?",
    position="software",
    property="side-channel-limit",
    source="attack catalogue 46; tdx-architecture 9.7",
    play=play,
).with_variants(("apic-off", "The same with the local APIC switched off", apic_off))
