"""The host says yes to MapGPA and does nothing."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.host import layout

CONVERT = 2
"""The clerk's job: make the shared page at R12 private."""
PAGE_GPA = layout.GUEST_BASE + 0xB000


def play(scene: Scene) -> Play:
    if scene.legacy:
        yield scene.call("TDH.MEM.PAGE.AUG", rcx=PAGE_GPA, rdx=layout.TDR, r8=scene.free_page())
        return
    yield from scene.start_over("clerk")
    yield from scene.run_until("page_loaded")
    scene.target_symbol("password")
    yield from scene.answer(until="asked")
    yield from scene.answer(until="map_gpa_answered", r11=CONVERT, r12=PAGE_GPA)
    yield from scene.answer(until="map_gpa_answered")  # R10 = 0: success, says the host
    yield from scene.insist("after_accept")


ATTACK = Attack(
    id="mapgpa-lie",
    title="Say yes to MapGPA and do nothing",
    who="Host software",
    what="answers the guest's request with success and adds no page",
    where="a page that the guest wants to make private",
    question="The guest was told that all is well. What does it find when it accepts the page?",
    position="software",
    property="availability-limit",
    source="attack catalogue 23; rule R10; tdx-architecture 7.5",
    play=play,
)
