"""The host answers what it is asked about the machine with nonsense: CPUID, an MSR, a port, a clock."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostWrite, VmCpuid
from tdxviz.core.host import guest_run
from tdxviz.core.host.vmm import CPUID, HYPERVISOR_LEAF, Registers, Request, Vmm
from tdxviz.core.units import LINE

AES_LEAF, CACHES_LEAF, FEATURES_LEAF = 1, 2, HYPERVISOR_LEAF + 1
EVENTS_MSR, TIMER_PORT = 0x4B56_4D02, 0x608
CLOCK_FEATURE = 1 << 3
NO_AES, NO_CACHES, FEATURES, EVENTS, TIMER, TIME = (0x0BAD_0000 + n * 0x100 for n in range(1, 7))
LIES = (NO_AES, NO_CACHES, FEATURES, EVENTS, TIMER, TIME, FEATURES | CLOCK_FEATURE)
SYSTEM_TIME = 16
"""Offset in the page of the paravirtual clock."""
ENOUGH = 2_000
"""More instructions than the guest needs to have asked everything, and to halt."""


def play(scene: Scene) -> Play:
    yield from _lie(scene, FEATURES)


def naive(scene: Scene) -> Play:
    yield from _lie(scene, FEATURES, patch="naive")


def kvmclock(scene: Scene) -> Play:
    yield from _lie(scene, FEATURES | CLOCK_FEATURE)


def _lie(scene: Scene, features: int, *, patch: str = "") -> Play:
    yield from scene.replace_guest("asker", patch=patch)
    books = scene.machine.books
    scene.target(books.hpa_of(books.symbol("facts")), LINE)
    scene.gla, scene.lies = books.symbol("facts"), LIES

    def invented(request: Request, honest: Registers) -> Registers:
        """No caches, and features of the host's invention."""
        lie = NO_CACHES if request["R12"] == CACHES_LEAF else features
        return honest | {"R12": lie, "R13": lie, "R14": lie, "R15": lie}

    host = Vmm(msrs={EVENTS_MSR: EVENTS}, ports={TIMER_PORT: TIMER}, lies={CPUID: invented})
    if scene.legacy:
        yield VmCpuid(leaf=AES_LEAF, ecx=NO_AES)
        yield VmCpuid(leaf=CACHES_LEAF, eax=NO_CACHES)
        yield VmCpuid(leaf=FEATURES_LEAF, eax=features)
        clock = books.hpa_of(books.symbol("clock")) + SYSTEM_TIME
        yield HostWrite(hpa=clock, data=TIME.to_bytes(8, "little"), how="ordinary")
    yield from guest_run.serve(scene.machine, ENOUGH, vmm=host, lp=scene.lp, trace=True)


ATTACK = Attack(
    id="cpuid-msr-spoof",
    title="Lie about the machine",
    who="Host software",
    what="answers CPUID, an MSR and a port with values of its own invention",
    where="what the guest asks about its machine",
    question="A guest asks its processor what it can do. Who answers?",
    position="software",
    property="execution-integrity",
    source="attack catalogue 43; tdx-architecture 10.1",
    play=play,
).with_variants(
    ("naive-guest", "The guest believes whatever it is told", naive),
    ("kvmclock", "The host offers a clock of its own", kvmclock),
)
