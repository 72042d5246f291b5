"""How fast a guest runs, and what going back in time costs, against empty iterations of a Python loop.

Unwatched: no events. Reversible: unwatched, with a copy of the machine every 4,096 instructions, from which
any instruction can be reached again. Watched: every memory micro-operation is an event. CPU time, best of
three rounds. Run: python benchmarks/bench_guest.py [INSTRUCTIONS]
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tdxviz.core.commands import RunGuest
from tdxviz.core.drive import carry_out, drive
from tdxviz.core.guest import gallery
from tdxviz.core.host import firmware, guest_run, guests, run, tdvf
from tdxviz.core.host.setup import setup
from tdxviz.core.host.vmm import Registers
from tdxviz.core.machine import Machine
from tdxviz.core.units import WORLDS, World

ROUNDS = 3
EVERY = 4096
JUMPS = 60
AIMS = {"unwatched": 1.0, "watched": 0.4}
"""Millions a second on two cores of the reference machine."""
OVMF = Path("/usr/share/ovmf/OVMF.fd")
TO_THE_FIRST_TDCALL = 27_196


def vault(world: World) -> Machine:
    machine = Machine(world)
    drive(machine, setup(machine))
    return machine


def sha256() -> Machine:
    """Built, and entered."""
    machine = Machine("ci")
    carry_out(machine, guest_run.start(machine, guests.plan(gallery.guest("sha256").image())))
    carry_out(machine, run.enter(machine, 0, Registers()))
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


def unwatched(machine: Machine, steps: int) -> int:
    twin = machine.copy()
    twin.do(RunGuest(steps=steps, trace=False))
    return twin.platform.lps[0].retired - machine.platform.lps[0].retired


def watched(machine: Machine, steps: int) -> int:
    twin = machine.copy()
    twin.do(RunGuest(steps=steps, trace=True))
    return twin.platform.lps[0].retired - machine.platform.lps[0].retired


def reversible(machine: Machine, steps: int) -> int:
    return len(snapshots(machine, steps)) * EVERY


def snapshots(machine: Machine, steps: int) -> list[Machine]:
    """Copies after every so many instructions, oldest first."""
    twin, kept = machine.copy(), []
    for _ in range(steps // EVERY):
        kept.append(twin.copy())
        twin.do(RunGuest(steps=EVERY, trace=False))
    return kept


def jumps(kept: list[Machine]) -> list[float]:
    """Milliseconds of CPU to be at instructions chosen at random, sorted."""
    chooser, times = random.Random(5), []
    for _ in range(JUMPS):
        target = chooser.randrange(len(kept) * EVERY)
        start = time.process_time()
        there = kept[target // EVERY].copy()
        if target % EVERY:
            there.do(RunGuest(steps=target % EVERY, trace=False))
        times.append((time.process_time() - start) * 1000)
    return sorted(times)


def report(name: str, machine: Machine, steps: int, iterations: float) -> bool:
    """Print both rates; whether they reach the aims."""
    good = True
    for kind, work in (("unwatched", unwatched), ("watched", watched)):
        work(machine, steps)  # what is translated and remembered once is not what is measured
        found = rate(lambda work=work: work(machine, steps))
        good = good and found >= AIMS[kind] * 1e6
        print(f"{name:14} {kind:10} {found / 1e6:7.3f} M/s   ratio {found / iterations:.4f}")
    return good


def main() -> int:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    iterations = rate(loop)
    print(f"empty loop                {iterations / 1e6:7.2f} M/s")
    good = min([report(f"vault {world}", vault(world), steps, iterations) for world in WORLDS])
    good &= report("sha256 ci", sha256(), 10_000, iterations)
    if OVMF.exists():
        booted = firmware_at_reset()
        good &= report("ovmf ci", booted, TO_THE_FIRST_TDCALL, iterations)
    machine = vault("ci")
    found = rate(lambda: reversible(machine, steps))
    print(f"{'vault ci':14} {'reversible':10} {found / 1e6:7.3f} M/s   ratio {found / iterations:.4f}")
    kept = snapshots(machine, 50 * EVERY)
    copies = rate(lambda: len([kept[-1].copy() for _ in range(200)]))
    times = jumps(kept)
    print(f"a snapshot {1e6 / copies:.0f} us; a jump to any of {len(kept) * EVERY:,} instructions: p50"
          f" {statistics.median(times):.1f} ms, worst {times[-1]:.1f} ms")  # fmt: skip
    print(
        f"aims: {AIMS['unwatched']} M/s unwatched, {AIMS['watched']} M/s watched: {'met' if good else 'missed'}"
    )
    return 0 if good else 1


def firmware_at_reset() -> Machine:
    machine = Machine("ci")
    image = tdvf.parse(OVMF.read_bytes(), OVMF.name)
    booted = firmware.begin(image)
    carry_out(machine, firmware.build(booted, image))
    carry_out(machine, run.enter(machine, 0, Registers()))
    return machine


if __name__ == "__main__":
    sys.exit(main())
