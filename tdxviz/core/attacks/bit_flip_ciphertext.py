"""An interposer on the memory bus flips one ciphertext bit and repairs ECC."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import FlipBit

BIT = 16 * 8 + 1
"""Bit 1 of byte 16: in the line's second 16-byte block."""


def play(scene: Scene) -> Play:
    yield from _flip(scene, repair=True)


def within_ecc(scene: Scene) -> Play:
    yield from _flip(scene, repair=False)


def _flip(scene: Scene, *, repair: bool) -> Play:
    line = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(line)
    scene.target(line)
    yield FlipBit(hpa=line, field="data", bit=BIT, repair=repair)
    yield from scene.run_until("password_read")
    yield from scene.try_again()


ATTACK = Attack(
    id="bit-flip-ciphertext",
    title="Flip one bit on the memory bus",
    who="Somebody with an interposer",
    what="changes one bit of a line and repairs ECC",
    where="the line of the password",
    question="Does the guest read one wrong bit, a block of noise, or nothing at all?",
    position="physical",
    property="memory-tamper-detection",
    source="attack catalogue 26; rules R2, R5 and R6",
    play=play,
).with_variants(("within-ecc", "Leave ECC as it is", within_ecc))
