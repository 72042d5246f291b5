"""The host maps a TD's page with the TD's own HKID and loads from it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostRead
from tdxviz.core.host import layout, second
from tdxviz.core.units import page_of


def play(scene: Scene) -> Play:
    secret = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(secret)
    scene.target(secret)
    yield HostRead(hpa=secret, size=8, keyid=scene.keyid or layout.HKIDS[0])


def via_ept(scene: Scene) -> Play:
    """Not through the host's own page table, but through that of an ordinary VM."""
    secret = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(secret)
    scene.target(secret)
    yield from second.build_vm(scene.machine)
    yield from second.map_vm(page_of(secret), keyid=scene.keyid or layout.HKIDS[0])
    yield from second.look(scene.machine)


ATTACK = Attack(
    id="host-read-private-keyid",
    title="Host maps the page with the TD's own KeyID",
    who="Host software",
    what="builds a page-table entry that carries the TD's HKID, and loads through it",
    where="the line of the password",
    question="The host chose that number itself. May it use it?",
    position="software",
    property="memory-confidentiality",
    source="attack catalogue 2; rule R9",
    play=play,
).with_variants(("via-ept", "The address with the KeyID is put in an ordinary VM's EPT", via_ept))
