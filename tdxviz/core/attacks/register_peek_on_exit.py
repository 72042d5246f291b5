"""A timer interrupt stops the guest; the host looks at the registers and at the saved state."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostRead, RaiseInterrupt, ReadHostRegisters, RunGuest
from tdxviz.core.host import layout


def play(scene: Scene) -> Play:
    yield from scene.run_until("password_read")
    scene.target_registers()
    yield RaiseInterrupt(lp=scene.lp, vector=0x20)
    yield RunGuest(lp=scene.lp, steps=1)
    yield ReadHostRegisters(lp=scene.lp)
    if not scene.legacy:  # an ordinary VM keeps its saved state in the host's own VMCS
        yield HostRead(hpa=layout.TDVPR, size=64, keyid=0)


ATTACK = Attack(
    id="register-peek-on-exit",
    title="Read the guest's registers after an interrupt",
    who="Host software",
    what="lets a timer fire and looks at what the CPU left behind",
    where="the general registers and the TDVPS page",
    question="RBX holds a secret when the timer fires. What does the host find in RBX?",
    position="software",
    property="cpu-state-confidentiality",
    source="attack catalogue 9; tdx-architecture 9.3",
    play=play,
)
