"""The same packet, and a guest that keeps a shadow stack."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import RunGuest

ENOUGH = 700
"""Instructions in which the guest switches its shadow stack on and reads both packets."""


def play(scene: Scene) -> Play:
    yield from scene.replace_guest("guarded")
    yield RunGuest(lp=scene.lp, steps=ENOUGH)


ATTACK = Attack(
    id="rop-with-cet",
    title="The same packet, and a shadow stack",
    who="Somebody on the network",
    what="sends a packet that is longer than the parser's buffer",
    where="the return addresses on the guest's own stack",
    question="The return address is overwritten again. Who remembers the right one?",
    position="inside",
    property="control-flow-limit",
    source="attack catalogue 52; Intel SDM volume 1, chapter 17",
    play=play,
)
