"""How fast a guest runs, watched and unwatched, against empty iterations of a Python loop.

Run: python benchmarks/bench_guest.py [INSTRUCTIONS]
"""

import sys
import time
from collections.abc import Callable

from tdxviz.core.commands import RunGuest
from tdxviz.core.drive import drive
from tdxviz.core.events import InstructionRetired
from tdxviz.core.host.setup import setup
from tdxviz.core.machine import Machine
from tdxviz.core.units import WORLDS, World

ROUNDS = 3


def ready(world: World) -> Machine:
    machine = Machine(world)
    drive(machine, setup(machine))
    return machine


def rate(work: Callable[[], int]) -> float:
    """Best rate a second of a few rounds; ``work`` returns how much it did."""
    best = 0.0
    for _ in range(ROUNDS):
        start = time.process_time()
        done = work()
        best = max(best, done / (time.process_time() - start))
    return best


def loop() -> int:
    for _ in range(5_000_000):
        pass
    return 5_000_000


def fast(machine: Machine, steps: int) -> int:
    twin = machine.copy()
    twin.do(RunGuest(steps=steps, trace=False))
    assert twin.platform.lps[0].mode != "host", "the guest left early"
    return steps


def traced(machine: Machine, steps: int) -> int:
    events = machine.copy().do(RunGuest(steps=steps, trace=True))
    return sum(isinstance(event, InstructionRetired) for event in events)


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    iterations = rate(loop)
    print(f"empty loop iterations      {iterations / 1e6:8.2f} M/s")
    for world in WORLDS:
        machine = ready(world)
        quick, watched = (
            rate(lambda m=machine: fast(m, steps)),
            rate(lambda m=machine: traced(m, steps)),
        )
        print(f"guest, unwatched, {world:7}  {quick / 1e6:8.3f} M/s   ratio {quick / iterations:.4f}")
        print(f"guest, traced, {world:7}     {watched / 1e6:8.3f} M/s   ratio {watched / iterations:.4f}")


if __name__ == "__main__":
    main()
