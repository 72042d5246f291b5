"""A page in use is exchanged for an empty one; the guest's TD gets #VE on pending pages."""

from tdxviz.core.attacks.scene import ATTACKER_BYTES, Attack, Play, Scene
from tdxviz.core.commands import FlushLine, HostWrite
from tdxviz.core.units import page_of

NO_ATTRIBUTES = 0
"""ATTRIBUTES.SEPT_VE_DISABLE = 0."""


def play(scene: Scene) -> Play:
    yield from _swap(scene, "")


def naive(scene: Scene) -> Play:
    yield from _swap(scene, "trusting")


def _swap(scene: Scene, patch: str) -> Play:
    yield from scene.start_over("clerk", attributes=NO_ATTRIBUTES, patch=patch)
    yield from scene.run_until("password_read")
    scene.target_symbol("password")
    page = scene.free_page()
    there = page + scene.gla % 4096
    yield HostWrite(hpa=there, data=ATTACKER_BYTES, how="full-line")
    yield FlushLine(hpa=there, keyid=0)
    yield from scene.exchange(page_of(scene.gla), page)
    yield from scene.insist("password_read")
    if not scene.legacy:
        yield from scene.insist("page_loaded")


ATTACK = Attack(
    id="drop-and-reaug-naive",
    title="Swap a used page while the guest handles #VE",
    who="Host software",
    what="blocks, tracks, removes the page and adds another one in its place",
    where="the page of the password, in a TD with SEPT_VE_DISABLE = 0",
    question="The guest is told by #VE that a page is pending. What should it do about it?",
    position="software",
    property="execution-integrity",
    source="attack catalogue 16; rule R10; tdx-architecture 7.5",
    play=play,
).with_variants(("naive-guest", "The #VE handler accepts whatever page it is given", naive))
