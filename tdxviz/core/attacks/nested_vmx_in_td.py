"""A guest tries to become a hypervisor: VMXON, without partitioning."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import RunGuest
from tdxviz.core.host.run import resume


def play(scene: Scene) -> Play:
    yield from scene.replace_guest("vmx")
    yield from resume(
        scene.machine, lp=scene.lp, until=scene.machine.books.symbol("try"), steps=200, trace=False
    )
    yield RunGuest(lp=scene.lp, steps=1)


ATTACK = Attack(
    id="nested-vmx-in-td",
    title="Become a hypervisor inside the guest",
    who="The guest itself",
    what="executes VMXON",
    where="its own kernel",
    question="Can a confidential VM run VMs of its own, as it stands?",
    position="inside",
    property="nested-virtualisation",
    source="attack catalogue 53; tdx-architecture 10.1",
    play=play,
)
