"""The host teaches the branch predictor where the guest's next call goes, and times what that leaves behind."""

from tdxviz.core.arch.msr_policy import ARCH_CAPABILITIES
from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import FlushLine, HostBranch, HostTime, HostWrite, Reboot, RunGuest
from tdxviz.core.host.run import enter, resume
from tdxviz.core.units import LINE, Hpa

RDCL_NO, MDS_NO = 1 << 0, 1 << 5
OPEN_TO_L1TF_AND_MDS = ARCH_CAPABILITIES & ~(RDCL_NO | MDS_NO)
BYTES = 4
"""Bytes of the secret that are enough to be no accident."""
VALUES = 256
LONG = 2_000
"""Instructions in which the guest comes round its loop."""


def play(scene: Scene) -> Play:
    if not scene.legacy:
        yield Reboot(arch_capabilities=OPEN_TO_L1TF_AND_MDS)
        yield scene.call("TDH.SYS.INIT")
    yield from scene.replace_guest("dispatch")
    books = scene.machine.books
    yield from resume(scene.machine, lp=scene.lp, until=books.symbol("serve"), steps=LONG, trace=False)
    yield RunGuest(lp=scene.lp, steps=LONG, trace=False)
    secret = books.symbol("secret")
    scene.target(books.hpa_of(secret))
    lines = [books.hpa_of(books.symbol("exchange")) + n * LINE for n in range(VALUES)]
    scene.probe_lines(lines)
    for n in range(BYTES):
        yield from leak(scene, lines, secret - books.symbol("tariff") + n)


def leak(scene: Scene, lines: list[Hpa], distance: int) -> Play:
    """One byte. The guest has called for a request: write it, mistrain, flush, let it call, reload."""
    books = scene.machine.books
    request = distance.to_bytes(8, "little")
    yield HostWrite(hpa=books.hpa_of(books.symbol("mailbox")), data=request)
    for hpa in lines:
        yield FlushLine(hpa=hpa)
    yield HostBranch(lp=scene.lp, at=books.symbol("branch"), to=books.symbol("gadget"))
    yield from enter(scene.machine, scene.lp)
    yield RunGuest(lp=scene.lp, steps=LONG, until=books.symbol("served"))
    for hpa in lines:
        yield HostTime(hpa=hpa)
    yield RunGuest(lp=scene.lp, steps=LONG)


ATTACK = Attack(
    id="transient-execution",
    title="Mistrain the branch predictor",
    who="Host software",
    what="trains an indirect branch, lets the guest run into it, and times 256 lines",
    where="the branch predictor and the cache of the guest's processor",
    question="A mispredicted call is undone. Is everything undone?",
    position="software",
    property="microarch-isolation",
    source="attack catalogue 49; tdx-architecture 8.3 and 9.2",
    play=play,
)
