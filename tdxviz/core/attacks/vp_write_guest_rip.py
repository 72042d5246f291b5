"""The host asks the module to change the RIP of a vCPU that is out, then enters it."""

from tdxviz.core.arch import metadata
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostExec, RaiseInterrupt, RunGuest, Seamcall, VmWrite
from tdxviz.core.host import layout
from tdxviz.core.host.run import enter
from tdxviz.core.units import U64

TIME_STAMP_COUNTER = 0x10


def play(scene: Scene) -> Play:
    wanted = scene.label("spent")
    yield from scene.run_until("password_read")
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    scene.saved = scene.state()
    if scene.legacy:
        yield VmWrite(register="RIP", value=wanted)
    else:
        field = metadata.named("Guest RIP").element_id(0)
        leaf = BY_NAME["TDH.VP.WR"].number
        yield Seamcall(rax=leaf, lp=scene.lp, rcx=layout.TDVPR, rdx=field, r8=wanted, r9=U64)
    yield from enter(scene.machine, scene.lp)
    scene.resumed = scene.state()
    yield RunGuest(lp=scene.lp, steps=1)


def read_rip(scene: Scene) -> Play:
    yield from scene.run_until("password_read")
    yield from scene.kick()
    field = metadata.named("Guest RIP").element_id(0)
    yield scene.call("TDH.VP.RD", lp=scene.lp, rcx=layout.TDVPR, rdx=field)


def two_lps(scene: Scene) -> Play:
    yield from scene.run_until("password_read")
    yield from scene.kick()
    yield scene.call("TDH.VP.ENTER", rcx=layout.TDVPR)


def tsc_rollback(scene: Scene) -> Play:
    """What the guest saw of time shall come once more."""
    yield from scene.run_until("password_read")
    yield from scene.kick()
    if not scene.legacy:
        yield HostExec(insn="WRMSR", lp=scene.lp, msr=TIME_STAMP_COUNTER, value=0)
    yield scene.call("TDH.VP.ENTER", lp=scene.lp, rcx=layout.TDVPR)


ATTACK = Attack(
    id="vp-write-guest-rip",
    title="Resume the guest somewhere else",
    who="Host software",
    what="writes another RIP into the vCPU before it enters it",
    where="the saved state of the vCPU, through TDH.VP.WR",
    question="The host decides when a vCPU runs. Does it decide where?",
    position="software",
    property="execution-integrity",
    source="attack catalogue 10; tdx-architecture 13",
    play=play,
).with_variants(
    ("read-rip", "Read the saved RIP", read_rip),
    ("tsc-rollback", "Set the time-stamp counter back between exit and entry", tsc_rollback),
    ("two-lps", "Enter the same vCPU on a second logical processor", two_lps),
)
