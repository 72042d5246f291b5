"""An interposer records a line with its metadata and puts it back after the guest changed it."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import BusCapture, BusInject


def play(scene: Scene) -> Play:
    balance = scene.at("balance")
    yield from scene.run_until("deposited")
    yield from scene.evict(balance)
    scene.remember(balance)
    yield BusCapture(hpa=balance)
    yield from scene.run_until("spent")
    yield from scene.evict(balance)
    scene.target(balance)
    yield BusInject(hpa=balance)
    yield from scene.run_until("balance_read")
    yield from scene.try_again()


ATTACK = Attack(
    id="replay-line-and-mac",
    title="Put an old line back, MAC and all",
    who="Somebody with an interposer",
    what="replays yesterday's ciphertext with its own metadata",
    where="the line of the balance: 100 spent, 100 again",
    question="The MAC is genuine. Does anything tell old from new?",
    position="physical",
    property="memory-tamper-detection",
    source="attack catalogue 27; rules R5, R6 and R11",
    play=play,
)
