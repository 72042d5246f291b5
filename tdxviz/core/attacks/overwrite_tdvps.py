"""The host overwrites the saved registers of a vCPU while it is out, then enters it."""

from tdxviz.core.arch.structures import TDVPS
from tdxviz.core.attacks.scene import ATTACKER_BYTES, Attack, Play, Scene
from tdxviz.core.commands import FlushLine, HostWrite, RaiseInterrupt, RunGuest, VmWrite
from tdxviz.core.host import layout
from tdxviz.core.host.run import resume
from tdxviz.core.units import PAGE, Hpa, line_of

CHOSEN = int.from_bytes(ATTACKER_BYTES[:8], "little")


def play(scene: Scene) -> Play:
    yield from scene.run_until("password_read")
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    if scene.legacy:  # the host keeps a VM's registers itself
        yield VmWrite(register="RBX", value=CHOSEN)
    else:
        yield from _overwrite(scene, line_of(layout.TDVPR + TDVPS["VCPU_STATE"][1]))
    yield from resume(scene.machine, lp=scene.lp, steps=2)


def _overwrite(scene: Scene, line: Hpa) -> Play:
    yield from scene.evict(line)
    yield HostWrite(hpa=line, data=ATTACKER_BYTES, keyid=0, how="full-line")
    yield FlushLine(hpa=line, keyid=0)


def vmcs_page(scene: Scene) -> Play:
    """The line with RIP in the TDVPS page that the processor itself loads; the pages follow each other."""
    yield from scene.run_until("password_read")
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    if scene.legacy:
        yield VmWrite(register="RIP", value=scene.label("spent"))
    else:
        page, offset, _ = TDVPS["RIP"]
        yield from _overwrite(scene, line_of(layout.TDVPR + page * PAGE + offset))
    yield from resume(scene.machine, lp=scene.lp, steps=2)


ATTACK = Attack(
    id="overwrite-tdvps",
    title="Host overwrites the saved state of a vCPU",
    who="Host software",
    what="stores 64 bytes with KeyID 0",
    where="the page in which the module keeps the vCPU's registers",
    question="Who reads this page first: the guest, or somebody whose death costs more?",
    position="software",
    property="execution-integrity",
    source="attack catalogue 11; rule R8; tdx-architecture 11",
    play=play,
).with_variants(("vmcs-page", "Overwrite the VMCS of the vCPU", vmcs_page))
