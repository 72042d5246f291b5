"""The host fills two cache sets, lets the guest go on, and times its own lines again."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostTime, RunGuest
from tdxviz.core.host import layout
from tdxviz.core.host.run import enter
from tdxviz.core.hw.cache import SETS, WAYS
from tdxviz.core.units import LINE, Hpa

WAY_SIZE = SETS * LINE
STEPS = 6
"""From the label ``lookup`` past the load."""


def play(scene: Scene) -> Play:
    yield from scene.run_until("lookup")
    yield from enter(scene.machine, scene.lp)
    lines = [own_lines(place.hpa) for place in scene.choose("table_0", "table_1")]
    for own in lines:  # prime: afterwards the set holds nothing but the host's lines
        for hpa in own:
            yield HostTime(hpa=hpa, keyid=0)
    yield RunGuest(lp=scene.lp, steps=STEPS)
    for own in lines:  # probe, newest first, so that a refill does not drive out the next
        for hpa in reversed(own):
            yield HostTime(hpa=hpa, keyid=0)


def own_lines(hpa: Hpa) -> list[Hpa]:
    """One line of the host's own memory for each way of the set that ``hpa`` falls into."""
    return [layout.SPARE + way * WAY_SIZE + hpa % WAY_SIZE for way in range(WAYS)]


ATTACK = Attack(
    id="llc-prime-probe",
    title="Time the shared cache",
    who="Host software",
    what="fills two cache sets and times its own lines after the guest ran",
    where="the last-level cache, shared by everybody",
    question="The cache is tagged with KeyIDs. Does it still tell which line the guest used?",
    position="software",
    property="side-channel-limit",
    source="attack catalogue 48; rule R7",
    play=play,
)
