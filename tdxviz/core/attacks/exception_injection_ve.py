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
NMI = 1 << 31 | 2 << 8 | 2


def play(scene: Scene) -> Play:
    yield from _stop(scene)
    yield from _ask(scene, INJECTION, VE, VE)
    yield from enter(scene.machine, scene.lp)
    yield RunGuest(lp=scene.lp, steps=4)


def nmi(scene: Scene) -> Play:
    yield from _stop(scene)
    yield from _ask(scene, "PEND_NMI", 1, NMI)
    yield from enter(scene.machine, scene.lp)
    yield RunGuest(lp=scene.lp, steps=8)


def _stop(scene: Scene) -> Play:
    """The guest counts, and a timer brings it out."""
    yield from scene.replace_guest("trusting")
    start = scene.machine.books.symbol("counting")
    yield from resume(scene.machine, lp=scene.lp, until=start, steps=200, trace=False)
    yield RunGuest(lp=scene.lp, steps=40)
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)


def _ask(scene: Scene, field: str, value: int, injection: int) -> Play:
    """Of the module, by a field of the vCPU; an ordinary VM's events are the hypervisor's own affair."""
    if scene.legacy:
        yield VmWrite(register=INJECTION, value=injection)
        return
    number, leaf = metadata.named(field).element_id(0), BY_NAME["TDH.VP.WR"].number
    yield Seamcall(rax=leaf, lp=scene.lp, rcx=layout.TDVPR, rdx=number, r8=value, r9=U64)


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
).with_variants(("nmi", "Ask for an NMI instead", nmi))
