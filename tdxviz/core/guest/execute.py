"""Running a guest: watched or fast. Exceptions are delivered in ``exceptions``.

Order inside one instruction: addresses, then loads, then the store, then registers and flags. An
outcome that is raised leaves registers, flags and memory untouched, with RIP at the instruction.
"""

from tdxviz.core.guest import fast, transient, watch
from tdxviz.core.guest.aligned import Aligned, wanted
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
    return Runner().run(p, lp, ctx, cpu, steps, until)


class Runner:
    """Several runs of one guest, between which somebody attends to its outcomes: what one run learned of
    the code serves the next."""

    __slots__ = ("x",)

    def __init__(self) -> None:
        self.x: Context | None = None

    def run(
        self, p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState, steps: int,
        until: int | None,
    ) -> int:  # fmt: skip
        """As the function of that name."""
        x, way = self.x, Aligned if wanted(cpu) else Context
        if type(x) is not way or not x.resumes(ctx):
            x = self.x = way(p, lp, ctx, cpu)
            x.stray = transient.run
        try:
            return watch.run(x, steps, until) if p.trace else fast.run(x, steps, until)
        finally:
            x.paused = x.moves()


def step(p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState) -> None:
    """Exactly one instruction."""
    run(p, lp, ctx, cpu, 1, None)
