"""A packet with a return-oriented program meets a parser inside the guest that trusts its length."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.host import guest_run

ENOUGH = 30_000
"""Instructions in which the parser reads both of its packets."""


def play(scene: Scene) -> Play:
    yield from scene.replace_guest("parser")
    yield from guest_run.serve(
        scene.machine, scene.machine.platform.lps[scene.lp].retired + ENOUGH, trace=True
    )


ATTACK = Attack(
    id="rop-no-cet",
    title="A packet that takes over the guest",
    who="Somebody on the network",
    what="sends a packet that is longer than the parser's buffer",
    where="the return addresses on the guest's own stack",
    question="Memory is encrypted and checked. Does that stop a buffer overflow?",
    position="inside",
    property="control-flow-limit",
    source="attack catalogue 51",
    play=play,
)
