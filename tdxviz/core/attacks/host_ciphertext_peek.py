"""The host samples one line while the guest writes v1, v2 and v1 again into it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import FlushLine, HostRead


def play(scene: Scene) -> Play:
    cell = scene.at("cell")
    for label in ("cell_v1", "cell_v2", "cell_v1_again"):
        yield from scene.run_until(label)
        yield from scene.evict(cell)
        scene.target(cell)
        yield FlushLine(hpa=cell, keyid=0)  # or the host would read its own stale alias
        yield HostRead(hpa=cell, size=64, keyid=0)


ATTACK = Attack(
    id="host-ciphertext-peek",
    title="Host watches a line for repeating ciphertext",
    who="Host software",
    what="reads the same line each time the guest has rewritten it",
    where="a 16-byte cell that takes few values",
    question="Encryption without a counter repeats itself. Can host software see the repeats?",
    position="software",
    property="memory-confidentiality",
    source="attack catalogue 3; rules R3 and R5",
    play=play,
)
