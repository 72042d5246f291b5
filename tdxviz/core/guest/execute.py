"""Running a guest: watched or fast. Exceptions are delivered in ``exceptions``.

Order inside one instruction: addresses, then loads, then the store, then registers and flags. An
outcome that is raised leaves registers, flags and memory untouched, with RIP at the instruction.
"""

from tdxviz.core.guest import fast, transient, watch
from tdxviz.core.guest.context import Context
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import LogicalProcessor, Platform


def run(
    p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState, steps: int,
    until: int | None,
) -> int:  # fmt: skip
    """Execute up to ``steps`` instructions; stop early before ``until``. Returns how many ran.

    Raises:
        Architectural: an outcome to attend to; its ``executed`` says how many ran before it.
    """
    x = Context(p, lp, ctx, cpu)
    x.stray = transient.run
    return watch.run(x, steps, until) if p.trace else fast.run(x, steps, until)


def step(p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState) -> None:
    """Exactly one instruction."""
    run(p, lp, ctx, cpu, 1, None)
