"""A write of fewer than 64 bytes poisons a TD's line; then the host itself reads it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostRead, HostWrite


def play(scene: Scene) -> Play:
    line = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(line)
    scene.target(line)
    yield HostWrite(hpa=line, data=bytes([0xCC] * 8), keyid=0, how="partial")
    if scene.owned(line):  # otherwise the 8 bytes are simply there
        yield HostRead(hpa=line, size=64, keyid=0)


ATTACK = Attack(
    id="host-partial-write-poison",
    title="A small write turns against the host",
    who="Host software",
    what="writes 8 bytes with a non-temporal store and reads the line",
    where="the line of the password",
    question="Nobody's TD has read anything yet. Who takes the machine check?",
    position="software",
    property="availability-limit",
    source="attack catalogue 6; tdx-architecture 1.5 (partial-write erratum)",
    play=play,
)
