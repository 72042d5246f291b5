"""The host says yes to MapGPA and does nothing."""

from tdxviz.core.arch.sept import SUPPRESS_VE
from tdxviz.core.attacks.scene import ATTACKER_BYTES, Attack, Play, Scene
from tdxviz.core.commands import HostWrite
from tdxviz.core.host import layout, sharing
from tdxviz.core.units import PAGE, page_of

CONVERT, SHARE = 2, 4
"""The clerk's jobs: make the shared page at R12 private; make the private page at R12 shared."""
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


def to_shared(scene: Scene) -> Play:
    """Private to shared: the private page stays where it is, and no other one appears."""
    if scene.legacy:
        yield scene.call("TDH.MEM.PAGE.REMOVE", rcx=PAGE_GPA, rdx=layout.TDR)
        return
    yield from scene.start_over("clerk")
    yield from scene.run_until("page_loaded")
    scene.target_symbol("password")
    yield from scene.answer(until="asked")
    public, mine = page_of(layout.symbol("picture", "clerk")), scene.free_page()
    nothing = SUPPRESS_VE.to_bytes(8, "little") * (PAGE // 8)  # as KVM fills it: the host wants to be asked
    yield HostWrite(hpa=layout.SHARED_EPT, data=nothing, how="full-line", lp=1)
    yield from sharing.point(scene.machine)
    yield from scene.answer(until="share_answered", r11=SHARE, r12=public)
    yield from scene.answer(until="shared_read")  # R10 = 0: success, says the host
    yield HostWrite(hpa=mine + 0x540, data=ATTACKER_BYTES, how="full-line", lp=1)
    yield from sharing.map_shared(scene.machine, public, mine)
    yield from scene.answer(until="shared_read")
    yield from scene.run_until("password_read")


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
).with_variants(("to-shared", "The same lie about a page that the guest wants to share", to_shared))
