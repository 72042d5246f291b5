"""A device is told to read the guest's page, with KeyID 0 and with the TD's own HKID."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import DmaMap, DmaRead
from tdxviz.core.units import page_of

IOVA = 0x7000_0000


def play(scene: Scene) -> Play:
    secret = scene.at("password")
    iova = IOVA + secret % 4096
    yield from scene.run_until("loop_end")
    yield from scene.evict(secret)
    scene.target(secret)
    yield DmaMap(iova=IOVA, hpa=page_of(secret), keyid=0)
    yield DmaRead(iova=iova, size=64)
    if scene.legacy:
        return  # there is no private KeyID to try
    yield DmaMap(iova=IOVA, hpa=page_of(secret), keyid=scene.keyid)
    yield DmaRead(iova=iova, size=64)


ATTACK = Attack(
    id="dma-read-private",
    title="A device reads the guest's memory",
    who="A device, on the host's orders",
    what="DMA read with KeyID 0, then with the TD's HKID",
    where="the line of the password",
    question="Does a network card get round the CPU's protection?",
    position="device",
    property="io-protection",
    source="attack catalogue 19; rules R3 and R9",
    play=play,
)
