"""The host maps a TD's page with its own KeyID and loads from it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostRead


def play(scene: Scene) -> Play:
    secret = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(secret)
    scene.target(secret)
    yield HostRead(hpa=secret, size=64, keyid=0)


ATTACK = Attack(
    id="host-read-keyid0",
    title="Host reads the guest's memory",
    who="Host software",
    what="loads 64 bytes through its own page table, KeyID 0",
    where="the line of the password",
    question="Will the host see the password, ciphertext, zeros, or a fault?",
    position="software",
    property="memory-confidentiality",
    source="attack catalogue 1; rule R3",
    play=play,
)
