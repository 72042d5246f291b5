"""A device overwrites a private line; the guest uses it afterwards."""

from tdxviz.core.attacks.scene import ATTACKER_BYTES, Attack, Play, Scene
from tdxviz.core.commands import DmaMap, DmaWrite
from tdxviz.core.units import page_of

IOVA = 0x7000_0000


def play(scene: Scene) -> Play:
    yield from _write(scene, ATTACKER_BYTES)


def partial_dma(scene: Scene) -> Play:
    yield from _write(scene, ATTACKER_BYTES[:8])


def _write(scene: Scene, data: bytes) -> Play:
    line = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(line)
    scene.target(line)
    yield DmaMap(iova=IOVA, hpa=page_of(line), keyid=0)
    yield DmaWrite(iova=IOVA + line % 4096, data=data)
    yield from scene.run_until("password_read")
    yield from scene.try_again()


ATTACK = Attack(
    id="dma-write-private",
    title="A device overwrites the guest's memory",
    who="A device, on the host's orders",
    what="DMA write of 64 bytes of 0xCC",
    where="the line of the password",
    question="Is the write stopped at the IOMMU, noticed later, or never?",
    position="device",
    property="memory-tamper-detection",
    source="attack catalogue 20; rules R1, R2 and R8",
    play=play,
).with_variants(("partial-dma", "A DMA write of 8 bytes", partial_dma))
