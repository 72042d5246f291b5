"""How long a jump to a random event of a long script takes, against replay from the start.

Run: python benchmarks/bench_jump.py [EVENTS] [JUMPS]
"""

import random
import statistics
import sys
import time

from tdxviz.session.actions import Action
from tdxviz.session.session import Session

SEED = 5


def long_session(events: int) -> Session:
    """The vault running, traced, until that many events are recorded."""
    session = Session("ci")
    while session.total < events:
        before = session.total
        session.act(Action("resume", {"steps": 2000}))
        if session.total == before:
            raise SystemExit("the guest stopped too early")
    return session


def jump_times(session: Session, jumps: int) -> list[float]:
    chooser = random.Random(SEED)
    times = []
    for _ in range(jumps):
        index = chooser.randrange(session.total)
        start = time.perf_counter()
        session.go_to(index)
        assert session.moment.machine is not None
        times.append((time.perf_counter() - start) * 1000)
    return sorted(times)


def replay_time(session: Session) -> float:
    """Milliseconds to play the whole script again from index 0."""
    machine = session.timeline.at(0).copy()
    start = time.perf_counter()
    for command in session.timeline.commands:
        machine.do(command)
    return (time.perf_counter() - start) * 1000


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    jumps = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    session = long_session(events)
    times = jump_times(session, jumps)
    p50, p95 = statistics.median(times), times[int(len(times) * 0.95)]
    whole = replay_time(session)
    print(f"events {session.total}, commands {len(session.timeline.commands)}")
    print(f"jump p50 {p50:.1f} ms, p95 {p95:.1f} ms, worst {times[-1]:.1f} ms")
    print(f"replay from the start {whole:.0f} ms = {whole / p95:.0f} times the p95 of a jump")


if __name__ == "__main__":
    main()
