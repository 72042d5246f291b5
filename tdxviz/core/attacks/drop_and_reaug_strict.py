"""A page in use is exchanged for an empty one; the guest's TD hides #VE on pending pages."""

from tdxviz.core.attacks.drop_and_reaug_naive import gap
from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.host.boot import SEPT_VE_DISABLE
from tdxviz.core.units import page_of


def play(scene: Scene) -> Play:
    yield from scene.run_until("loop_end")
    scene.target_symbol("password")
    yield from scene.exchange(page_of(scene.gla), scene.free_page())
    yield from scene.insist("password_read")


def syscall_gap(scene: Scene) -> Play:
    yield from gap(scene, SEPT_VE_DISABLE)


ATTACK = Attack(
    id="drop-and-reaug-strict",
    title="Swap a used page for an empty one",
    who="Host software",
    what="blocks, tracks, removes the page and adds an empty one in its place",
    where="the page of the password",
    question="Every step is allowed. What does the guest read there now?",
    position="software",
    property="memory-tamper-detection",
    source="attack catalogue 15; rule R10; tdx-architecture 7.5",
    play=play,
).with_variants(
    ("syscall-gap", "The kernel's first page after SYSCALL, while RSP is the program's", syscall_gap)
)
