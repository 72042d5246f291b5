"""The host blocks two pages of which the guest will use one, and reads off the fault which it was."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.case import Choice
from tdxviz.core.commands import RaiseInterrupt, RunGuest, VmInvept, VmMap
from tdxviz.core.host import layout, memory, run
from tdxviz.core.host.seam import seamcall
from tdxviz.core.units import page_of


def play(scene: Scene) -> Play:
    yield from scene.run_until("lookup")
    places = scene.choose("table_0", "table_1")
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    yield from cover(scene, places, hide=True)
    yield from run.enter(scene.machine, scene.lp)
    yield RunGuest(lp=scene.lp, steps=20)
    yield from cover(scene, places, hide=False)
    yield from scene.run_until("looked_up")


def cover(scene: Scene, places: tuple[Choice, ...], *, hide: bool) -> Play:
    """Take the pages from the guest's tables, or put them back."""
    for place in places:
        gpa, hpa = page_of(place.gpa), page_of(place.hpa)
        if scene.legacy:
            yield VmMap(gpa=gpa, hpa=hpa, tables=layout.TABLES, perms=0 if hide else 7)
        elif hide:
            yield from memory.shoot_down(scene.machine, gpa)
        else:
            yield from seamcall("TDH.MEM.RANGE.UNBLOCK", lp=memory.HOST_LP, rcx=gpa, rdx=layout.TDR)
    if scene.legacy:
        yield VmInvept()


def unblock_early(scene: Scene) -> Play:
    yield from scene.run_until("lookup")
    gpa = page_of(scene.choose("table_0", "table_1")[0].gpa)
    yield scene.call("TDH.MEM.RANGE.BLOCK", rcx=gpa, rdx=layout.TDR)
    yield scene.call("TDH.MEM.RANGE.UNBLOCK", rcx=gpa, rdx=layout.TDR)


ATTACK = Attack(
    id="sept-page-trace",
    title="Watch which page the guest uses",
    who="Host software",
    what="blocks two pages and waits for the fault",
    where="the mappings of the two tables",
    question="A bit of the password decides which table is read. Can the host learn the bit?",
    position="software",
    property="side-channel-limit",
    source="attack catalogue 44; tdx-architecture 8.2 and 9.3",
    play=play,
).with_variants(("unblock-early", "Unblock before tracking is complete", unblock_early))
