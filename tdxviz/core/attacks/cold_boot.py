"""Power off, freeze the DIMM, read it in another machine."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import DumpDimm
from tdxviz.core.units import page_of


def play(scene: Scene) -> Play:
    secret = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(secret)
    scene.target(secret)
    yield DumpDimm(hpa=page_of(secret), size=4096)


ATTACK = Attack(
    id="cold-boot",
    title="Take the DIMM out and read it",
    who="Somebody with a screwdriver",
    what="pulls the plug and dumps the memory chips",
    where="the page of the password",
    question="The key was in the CPU. What is in the dump?",
    position="physical",
    property="memory-confidentiality",
    source="attack catalogue 24; rules R5 and R11",
    play=play,
)
