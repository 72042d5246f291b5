"""The host maps a TD's page with its own KeyID and loads from it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostRead, RaiseInterrupt, RunGuest
from tdxviz.core.host import second
from tdxviz.core.units import page_of


def play(scene: Scene) -> Play:
    secret = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(secret)
    scene.target(secret)
    yield HostRead(hpa=secret, size=64, keyid=0)


def other_vm_reader(scene: Scene) -> Play:
    """An ordinary VM of the host's reads for it: the secret's page is put into that VM's EPT."""
    secret = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(secret)
    scene.target(secret)
    yield from second.build_vm(scene.machine)
    yield from second.map_vm(page_of(secret))
    yield from second.look(scene.machine)
    yield from second.leave(scene.machine)


def smm_reader(scene: Scene) -> Play:
    """An SMI arrives on the guest's own processor; its handler reads for the host."""
    secret = scene.at("password")
    yield from scene.run_until("loop_end")
    yield RaiseInterrupt(lp=scene.lp, kind="smi")
    yield RunGuest(lp=scene.lp, steps=1)
    yield from scene.evict(secret)
    scene.target(secret)
    yield HostRead(hpa=secret, size=64, keyid=0, lp=scene.lp)


ATTACK = Attack(
    id="host-read-keyid0",
    title="Host reads the guest's memory",
    who="Host software",
    what="loads 64 bytes through its own page table, KeyID 0",
    where="the line of the password",
    question="Will the host see the password, ciphertext, zeros, or a fault?",
    position="software",
    property="memory-confidentiality",
    source="attack catalogue 1; rule R3",
    play=play,
).with_variants(
    ("other-vm-reader", "An ordinary VM reads, through its own EPT", other_vm_reader),
    ("smm-reader", "The handler of an SMI reads", smm_reader),
)
