"""A page in use is exchanged for an empty one; the guest's TD gets #VE on pending pages."""

from tdxviz.core.attacks.scene import ATTACKER_BYTES, Attack, Play, Scene
from tdxviz.core.commands import FlushLine, HostWrite, RunGuest
from tdxviz.core.host import layout
from tdxviz.core.host.run import enter, resume
from tdxviz.core.units import page_of

NO_ATTRIBUTES = 0
"""ATTRIBUTES.SEPT_VE_DISABLE = 0."""
PROGRAM = 0x1_4000_0000
"""Linear address of the program that runs at CPL 3 in the gallery's ``gap``."""


def play(scene: Scene) -> Play:
    yield from _swap(scene, "")


def naive(scene: Scene) -> Play:
    yield from _swap(scene, "trusting")


def _swap(scene: Scene, patch: str) -> Play:
    yield from scene.start_over("clerk", attributes=NO_ATTRIBUTES, patch=patch)
    yield from scene.run_until("password_read")
    scene.target_symbol("password")
    page = scene.free_page()
    there = page + scene.gla % 4096
    yield HostWrite(hpa=there, data=ATTACKER_BYTES, how="full-line")
    yield FlushLine(hpa=there, keyid=0)
    yield from scene.exchange(page_of(scene.gla), page)
    yield from scene.insist("password_read")
    if not scene.legacy:
        yield from scene.insist("page_loaded")


def syscall_gap(scene: Scene) -> Play:
    yield from gap(scene, NO_ATTRIBUTES)


def gap(scene: Scene, attributes: int) -> Play:
    """The page that the kernel stores to first after SYSCALL goes, while RSP is still the program's. The
    program inside plays along: it has aimed RSP at a word of the kernel's."""
    machine = scene.machine
    if scene.legacy:  # no #VE there, and nothing to be accepted
        yield scene.call("TDH.MEM.PAGE.AUG", rcx=page_of(scene.label("demand")), rdx=layout.TDR)
        return
    yield from scene.replace_guest("gap", attributes=attributes)
    names = machine.books
    calling = PROGRAM + names.symbol("calling") - names.symbol("program")
    yield from resume(machine, lp=scene.lp, steps=1_000, until=calling)
    scene.target_named("granted", 16)
    yield from scene.exchange(names.symbol("program_rsp"), scene.free_page())
    for _ in range(2):
        yield from enter(machine, scene.lp)
        yield RunGuest(lp=scene.lp, steps=100, until=names.symbol("handed_out"))


ATTACK = Attack(
    id="drop-and-reaug-naive",
    title="Swap a used page while the guest handles #VE",
    who="Host software",
    what="blocks, tracks, removes the page and adds another one in its place",
    where="the page of the password, in a TD with SEPT_VE_DISABLE = 0",
    question="The guest is told by #VE that a page is pending. What should it do about it?",
    position="software",
    property="execution-integrity",
    source="attack catalogue 16; rule R10; tdx-architecture 7.5",
    play=play,
).with_variants(
    ("naive-guest", "The #VE handler accepts whatever page it is given", naive),
    ("syscall-gap", "The kernel's first page after SYSCALL, while RSP is the program's", syscall_gap),
)
