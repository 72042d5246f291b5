"""The debug interface: on the production TD, then on a TD that the host has built with DEBUG = 1."""

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import CheckReport, HostRead, Seamcall, Tdcall
from tdxviz.core.guest import programs
from tdxviz.core.host import boot, layout, run, teardown
from tdxviz.core.units import page_of


def play(scene: Scene) -> Play:
    secret, machine = scene.at("password"), scene.machine
    scene.target(secret)
    if scene.legacy:  # no debug switch is needed
        yield from scene.evict(secret)
        yield HostRead(hpa=secret, size=64, keyid=0)
        return
    yield _read(scene.label("password"))
    yield from teardown.tear_down(machine)
    program = programs.load("vault")
    yield from boot.build_td(program, attributes=boot.SEPT_VE_DISABLE | boot.DEBUG)
    yield from run.resume(machine, lp=scene.lp, until=scene.label("ready"), steps=60_000, trace=False)
    yield _read(scene.label("password"))
    report, data = page_of(scene.label("demand")), page_of(scene.label("balance"))
    yield Tdcall(lp=scene.lp, rax=BY_NAME["TDG.MR.REPORT"].number, rcx=report, rdx=data, r8=0)
    yield CheckReport(lp=scene.lp, gpa=report)


def _read(gpa: int) -> Seamcall:
    return Seamcall(rax=BY_NAME["TDH.MEM.RD"].number, lp=1, rcx=gpa, rdx=layout.TDR)


ATTACK = Attack(
    id="debug-attribute",
    title="Read the guest as its debugger",
    who="Host software",
    what="calls TDH.MEM.RD, then builds the guest anew as a debug TD and calls it again",
    where="the password, and the ATTRIBUTES of the TD",
    question="Every TD can be built with DEBUG = 1. Who would notice?",
    position="software",
    property="attestation",
    source="attack catalogue 36; tdx-architecture 13",
    play=play,
)
