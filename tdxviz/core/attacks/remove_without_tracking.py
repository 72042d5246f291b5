"""A page is taken away while a processor still translates to it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import VmMap
from tdxviz.core.host import layout
from tdxviz.core.units import PAGE, page_of


def play(scene: Scene) -> Play:
    yield from scene.run_until("loop_end")  # the guest stays inside, with the page in its TLB
    scene.target_symbol("password")
    gpa = page_of(scene.gla)
    if scene.legacy:
        yield VmMap(vm=0, gpa=gpa, hpa=scene.free_page(), tables=layout.TABLES + PAGE)
        yield from scene.run_until("password_read")
        return
    yield scene.call("TDH.MEM.PAGE.REMOVE", rcx=gpa, rdx=layout.TDR)
    yield scene.call("TDH.MEM.RANGE.BLOCK", rcx=gpa, rdx=layout.TDR)
    yield scene.call("TDH.MEM.PAGE.REMOVE", rcx=gpa, rdx=layout.TDR)
    yield scene.call("TDH.MEM.TRACK", rcx=layout.TDR)
    yield scene.call("TDH.MEM.TRACK", rcx=layout.TDR)
    yield from scene.kick()
    yield scene.call("TDH.MEM.RANGE.UNBLOCK", rcx=gpa, rdx=layout.TDR)  # the host gives in
    yield from scene.run_until("password_read")


ATTACK = Attack(
    id="remove-without-tracking",
    title="Take a page away while the TLB still reaches it",
    who="Host software",
    what="leaves out blocking, tracking or waiting, one after the other",
    where="the page of the password, and its stale translation",
    question="The guest is running and has the translation in its TLB. Which short cut is allowed?",
    position="software",
    property="microarch-isolation",
    source="attack catalogue 14; rule R10; tdx-architecture 8.2",
    play=play,
)
