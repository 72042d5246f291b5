"""The host makes the guest's own #VE handler run without a cause."""

from tdxviz.core.arch import metadata
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import INJECTION, RaiseInterrupt, RunGuest, Seamcall, VmWrite
from tdxviz.core.host import layout
from tdxviz.core.host.run import enter, resume
from tdxviz.core.units import U64

VE = 1 << 31 | 3 << 8 | 20
"""VM-entry interruption information: valid, hardware exception, vector 20."""


def play(scene: Scene) -> Play:
    yield from scene.replace_guest("trusting")
    start = scene.machine.books.symbol("counting")
    yield from resume(scene.machine, lp=scene.lp, until=start, steps=200, trace=False)
    yield RunGuest(lp=scene.lp, steps=40)
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    if scene.legacy:
        yield VmWrite(register=INJECTION, value=VE)
    else:
        field = metadata.named(INJECTION).element_id(0)
        yield Seamcall(
            rax=BY_NAME["TDH.VP.WR"].number, lp=scene.lp, rcx=layout.TDVPR, rdx=field, r8=VE, r9=U64
        )
    yield from enter(scene.machine, scene.lp)
    yield RunGuest(lp=scene.lp, steps=4)


ATTACK = Attack(
    id="exception-injection-ve",
    title="Call the guest's #VE handler",
    who="Host software",
    what="injects exception 20 at the next entry",
    where="the VM-entry interruption information of the vCPU",
    question="The handler trusts whoever calls it. Can the host call it?",
    position="software",
    property="execution-integrity",
    source="attack catalogue 42; tdx-architecture 9.5",
    play=play,
)
