"""The host writes instructions of its own over the line of code that the guest executes next."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import FlushLine, HostWrite, RaiseInterrupt, RunGuest
from tdxviz.core.host.run import resume
from tdxviz.core.units import LINE, line_of

NOP, SPIN = b"\x90", b"\xeb\xfe"
SHELLCODE = NOP * (LINE - len(SPIN)) + SPIN
"""Harmless, and good from any byte on: slide to the end, then stay there."""


def play(scene: Scene) -> Play:
    yield from scene.run_until("loop")
    line = line_of(scene.at("loop"))
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    yield from scene.evict(line)
    scene.target(line)
    yield HostWrite(hpa=line, data=SHELLCODE, keyid=0, how="full-line")
    yield FlushLine(hpa=line, keyid=0)
    yield from resume(scene.machine, lp=scene.lp, steps=4)
    yield from scene.try_again()


ATTACK = Attack(
    id="host-code-injection",
    title="Host plants instructions in the guest's code",
    who="Host software",
    what="stores 64 bytes of its own code with KeyID 0",
    where="the line of code that runs next",
    question="Will the guest execute the host's code?",
    position="software",
    property="execution-integrity",
    source="attack catalogue 5; rules R1, R2 and R8",
    play=play,
)
