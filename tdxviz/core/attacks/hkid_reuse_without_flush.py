"""A KeyID is handed on while cache lines still carry it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostRead
from tdxviz.core.host import layout
from tdxviz.core.units import page_of

A_SHARED_KEYID = 5


def play(scene: Scene) -> Play:
    yield from _stopped(scene)
    yield scene.call("TDH.MNG.CREATE", rcx=scene.free_page(), rdx=scene.keyid or layout.HKIDS[0])
    if scene.legacy:
        return
    yield scene.call("TDH.MNG.VPFLUSHDONE", rcx=layout.TDR)
    yield scene.call("TDH.VP.FLUSH", lp=scene.lp, rcx=layout.TDVPR)
    yield scene.call("TDH.MNG.VPFLUSHDONE", rcx=layout.TDR)
    yield scene.call("TDH.MNG.KEY.FREEID", rcx=layout.TDR)


def _stopped(scene: Scene) -> Play:
    """The guest has used its secret, whose lines are in the cache, and is stopped."""
    yield from scene.run_until("loop_end")
    scene.target(scene.at("password"))
    yield from scene.kick()


def freeid_first(scene: Scene) -> Play:
    yield from _stopped(scene)
    yield scene.call("TDH.MNG.KEY.FREEID", rcx=layout.TDR)


def shared_hkid(scene: Scene) -> Play:
    yield from _stopped(scene)
    yield scene.call("TDH.MNG.CREATE", rcx=scene.free_page(), rdx=A_SHARED_KEYID)


def read_after_teardown(scene: Scene) -> Play:
    yield from _stopped(scene)
    if scene.legacy:
        yield scene.call("TDH.VP.FLUSH", rcx=layout.TDVPR)
        return
    secret = scene.at("password")
    yield from scene.tear_down()
    yield scene.call("TDH.PHYMEM.PAGE.RECLAIM", rcx=page_of(secret))
    yield HostRead(hpa=secret, size=64, keyid=0)


ATTACK = Attack(
    id="hkid-reuse-without-flush",
    title="Reuse a KeyID while the cache still holds its lines",
    who="Host software",
    what="hands the TD's HKID to the next TD and leaves out one step after the other",
    where="the key table: HKID, vCPUs, caches",
    question="A number is all that tells two TDs' cache lines apart. Which short cut works?",
    position="software",
    property="key-management",
    source="attack catalogue 7; tdx-architecture 3.4, 3.6",
    play=play,
).with_variants(
    ("freeid-first", "Free the HKID before the vCPUs are flushed", freeid_first),
    ("shared-hkid", "Create a TD with a shared KeyID", shared_hkid),
    ("read-after-teardown", "Tear down properly, then read the page", read_after_teardown),
)
