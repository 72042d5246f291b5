"""The host raises interrupt 0x80 while the guest checks a password: an old kernel takes it for a system call."""

from tdxviz.core.arch import metadata
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import INJECTION, HostWrite, RaiseInterrupt, RunGuest, Seamcall, VmWrite
from tdxviz.core.host import layout
from tdxviz.core.host.run import enter, resume
from tdxviz.core.units import U64

VECTOR = 0x80
NOTIFY = 0xF2
"""Our host's notification vector."""
OUTSTANDING = 1 << 256
VALID = 1 << 31


def play(scene: Scene) -> Play:
    yield from scene.replace_guest("syscall80")
    start = scene.machine.books.symbol("checking")
    yield from resume(scene.machine, lp=scene.lp, until=start, steps=200, trace=False)
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    yield from _inject(scene) if scene.legacy else _post(scene)


def _inject(scene: Scene) -> Play:
    """An ordinary VM: injected by VMWRITE, and the host's answer about the APIC is a lie."""
    yield VmWrite(register=INJECTION, value=VALID | VECTOR)
    yield from enter(scene.machine, scene.lp)
    yield RunGuest(lp=scene.lp, steps=10)
    yield VmWrite(register="RAX", value=0)
    yield from enter(scene.machine, scene.lp)
    yield RunGuest(lp=scene.lp, steps=10)


def _post(scene: Scene) -> Play:
    """A TD: the vector goes into the posted-interrupt descriptor, which lies in the host's memory."""
    for name, value, mask in (
        ("Posted-interrupt notification vector", NOTIFY, 0xFFFF),
        ("Posted-interrupt descriptor address", layout.SPARE, U64 & ~63),
        ("Pin-based VM-execution controls", 0x80, 0x80),
    ):
        yield Seamcall(
            rax=BY_NAME["TDH.VP.WR"].number, lp=scene.lp, rcx=layout.TDVPR,
            rdx=metadata.named(name).element_id(0), r8=value, r9=mask,
        )  # fmt: skip
    yield from enter(scene.machine, scene.lp)
    yield RunGuest(lp=scene.lp, steps=2)
    descriptor = (OUTSTANDING | 1 << VECTOR).to_bytes(64, "little")
    yield HostWrite(hpa=layout.SPARE, data=descriptor, how="full-line", lp=1)
    yield RaiseInterrupt(lp=scene.lp, vector=NOTIFY)
    yield RunGuest(lp=scene.lp, steps=40)


ATTACK = Attack(
    id="heckler-int80",
    title="Interrupt 0x80 at the right moment",
    who="Host software",
    what="raises the vector that old kernels use for system calls",
    where="the guest's password check",
    question="A system call changes RAX. Who made it: the program, or the host?",
    position="software",
    property="execution-integrity",
    source="attack catalogue 43; tdx-architecture 9.5",
    play=play,
)
