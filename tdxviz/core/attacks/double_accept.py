"""The host announces memory that the guest already uses; the guest accepts it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.host import layout
from tdxviz.core.units import page_of

NEW_MEMORY = 1
"""The clerk's job: there is new memory at R12."""
FREE_GPA = layout.GUEST_BASE + 0xB000
LARGE = 1
"""Level 1: a 2 MiB page."""


def _asks(scene: Scene) -> Play:
    """Run the clerk until it asks for a job."""
    yield from scene.start_over("clerk")
    yield from scene.run_until("page_loaded")
    scene.target_symbol("password")
    yield from scene.answer(until="asked")


def play(scene: Scene) -> Play:
    yield from _with(scene, page_of(layout.symbol("password", "clerk")))


def _with(scene: Scene, operand: int) -> Play:
    if scene.legacy:  # nobody there accepts anything: the call that adds memory to a TD does not exist
        yield scene.call("TDH.MEM.PAGE.AUG", rcx=operand, rdx=layout.TDR, r8=scene.free_page())
        return
    yield from _asks(scene)
    yield from scene.answer(until="after_accept", r11=NEW_MEMORY, r12=operand)
    yield from scene.insist("password_read")


def accept_free(scene: Scene) -> Play:
    yield from _with(scene, FREE_GPA)


def accept_size(scene: Scene) -> Play:
    yield from _with(scene, layout.GUEST_BASE | LARGE)


ATTACK = Attack(
    id="double-accept",
    title="Trick the guest into accepting a page it uses",
    who="Host software",
    what="names used memory as new memory; the guest believes it",
    where="the page of the password",
    question="Accepting a page makes it zero. What becomes of a page that is in use?",
    position="software",
    property="memory-tamper-detection",
    source="attack catalogue 17; tdx-architecture 5 (TDG.MEM.PAGE.ACCEPT)",
    play=play,
).with_variants(
    ("accept-free", "Accept where no page was added", accept_free),
    ("accept-size", "Accept 2 MiB where small pages are mapped", accept_size),
)
