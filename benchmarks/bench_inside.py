"""Time travel inside a run that told nothing: jumps to random instructions and single steps back.

The yardstick, measured in the same run: replay of the whole run. Aim: a step back within 1/20 of it at
the 99th percentile (it replays at most 4,096 instructions).

Run: python benchmarks/bench_inside.py [INSTRUCTIONS]
"""

import random
import statistics
import sys
import time
from collections.abc import Callable

from tdxviz.session.actions import Action
from tdxviz.session.session import Session

SEED, JUMPS, STEPS = 5, 60, 5_000
AIM = 20.0


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def main() -> None:
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    session = Session("ci")
    recorded = timed(lambda: session.act(Action("resume", {"steps": total, "trace": False})))
    machine = Session("ci").timeline.machine.copy()
    whole = timed(lambda: [machine.do(command) for command in session.timeline.commands])
    chooser = random.Random(SEED)
    numbers = [chooser.randrange(total) for _ in range(JUMPS)]
    jumps = sorted(timed(lambda n=n: session.go_to_instruction(n)) for n in numbers)
    session.go_to_instruction(total * 3 // 4)
    back = sorted(timed(lambda: session.step("instruction", -1)) for _ in range(STEPS))
    p99 = back[int(STEPS * 0.99)]
    print(f"{total:,} instructions: recorded in {recorded:.0f} ms, replayed in {whole:.0f} ms")
    print(f"jump p50 {statistics.median(jumps):.1f} ms, worst {jumps[-1]:.1f} ms")
    print(f"step back p50 {statistics.median(back):.2f} ms, p99 {p99:.2f} ms, worst {back[-1]:.1f} ms")
    print(f"replay of all is {whole / p99:.0f} times the p99 of a step back; aim {AIM:.0f}")
    if whole / p99 < AIM:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
