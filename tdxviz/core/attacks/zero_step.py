"""The host lets one instruction fault again and again: it enters the guest without repairing the page."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.attacks.sept_page_trace import cover
from tdxviz.core.case import Choice
from tdxviz.core.commands import RaiseInterrupt, RunGuest
from tdxviz.core.host.run import enter

ENTRIES = 10


def play(scene: Scene) -> Play:
    yield from scene.run_until("lookup")
    places = tuple(Choice(scene.label(name), scene.at(name)) for name in ("table_0", "table_1"))
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    yield from cover(scene, places, hide=True)
    for _ in range(ENTRIES):
        yield from enter(scene.machine, scene.lp)
        if scene.machine.platform.lps[scene.lp].mode != "host":
            yield RunGuest(lp=scene.lp, steps=20)
    yield from cover(scene, places, hide=False)
    yield from scene.run_until("looked_up")


ATTACK = Attack(
    id="zero-step",
    title="Replay one instruction",
    who="Host software",
    what="blocks the page of an operand and enters the guest ten times without repairing it",
    where="the mapping of the page that the guest reads next",
    question="A measurement gets better by repeating it. How often can one instruction be repeated?",
    position="software",
    property="side-channel-limit",
    source="attack catalogue 45; tdx-architecture 9.7",
    play=play,
)
