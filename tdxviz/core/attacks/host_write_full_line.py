"""The host overwrites one private line; the guest uses it afterwards."""

from tdxviz.core.attacks.scene import ATTACKER_BYTES, Attack, Play, Scene
from tdxviz.core.commands import FlushLine, HostWrite


def play(scene: Scene) -> Play:
    line = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(line)
    scene.target(line)
    yield HostWrite(hpa=line, data=ATTACKER_BYTES, keyid=0, how="full-line")
    yield FlushLine(hpa=line, keyid=0)
    yield from scene.run_until("password_read")
    yield from scene.try_again()


ATTACK = Attack(
    id="host-write-full-line",
    title="Host overwrites a line of the guest",
    who="Host software",
    what="stores 64 bytes of 0xCC with KeyID 0",
    where="the line of the password",
    question="Who notices, and when: the store, the next load, or nobody?",
    position="software",
    property="memory-tamper-detection",
    source="attack catalogue 4; rules R1, R2 and R8",
    play=play,
)
