"""The host maps a TD's page with the TD's own HKID and loads from it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostRead
from tdxviz.core.host import layout


def play(scene: Scene) -> Play:
    secret = scene.at("password")
    yield from scene.run_until("loop_end")
    yield from scene.evict(secret)
    scene.target(secret)
    yield HostRead(hpa=secret, size=8, keyid=scene.keyid or layout.HKIDS[0])


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
)
