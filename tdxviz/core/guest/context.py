"""What a compiled instruction works on: a vCPU's registers and its way to memory."""

from typing import Any

from tdxviz.core.hw import path
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.units import Gla


class Context:
    """Made anew for each run; holds no state of its own but what the run remembers of its code."""

    __slots__ = ("cpu", "ctx", "gprs", "known", "lp", "p")

    def __init__(self, p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState) -> None:
        self.p, self.lp, self.ctx, self.cpu = p, lp, ctx, cpu
        self.gprs = cpu.gprs
        self.known: dict[Gla, tuple[bytes, Any]] = {}
        """RIP -> the line's bytes and the compiled instruction; another mode must clear it."""

    def load(self, gla: Gla, size: int) -> int:
        return int.from_bytes(path.load(self.p, self.lp, self.ctx, gla, size), "little")

    def store(self, gla: Gla, size: int, value: int) -> None:
        path.store(self.p, self.lp, self.ctx, gla, value.to_bytes(size, "little"))

    def store_bytes(self, gla: Gla, data: bytes) -> None:
        path.store(self.p, self.lp, self.ctx, gla, data)

    def flush_translations(self, gla: Gla | None, reason: str) -> None:
        """INVLPG or a control-register write drops this vCPU's translations."""
        from_here = self.lp.tlb.flush(self.ctx.vpid, gla)
        self.p.note(path.flushed(self.lp.id, self.ctx.vpid, from_here, reason))
