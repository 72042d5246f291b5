"""The end of SEAM: what damage to the module's own memory leads to. Source: tdx-architecture 11."""

from tdxviz.core import events as e
from tdxviz.core.faults import Inconsistent, MachineCheck
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx.module import Module


class guarded:  # noqa: N801  # because it reads as what it does: with guarded(...)
    """Module code runs inside. Poison met there (R8) and structures that make no sense shut SEAM
    down; TDX is disabled for good, on every logical processor."""

    __slots__ = ("lp", "m", "p", "watching")

    def __init__(self, p: Platform, m: Module, lp: int) -> None:
        self.p, self.m, self.lp = p, m, lp

    def __enter__(self) -> None:
        self.watching = self.p.trace

    def __exit__(self, kind: object, raised: BaseException | None, trace: object) -> bool:
        if isinstance(raised, MachineCheck):
            self.p.note(e.MachineCheckRaised(lp=self.lp, context="module", hpa=raised.hpa))
            _shut_down(self.p, self.m, self.lp, f"machine check in the TDX module: poison at {raised.hpa:#x}")
        elif isinstance(raised, Inconsistent):
            _shut_down(self.p, self.m, self.lp, raised.reason)
        self.p.trace = self.watching
        return isinstance(raised, MachineCheck | Inconsistent)


def is_over(p: Platform, m: Module, lp: int) -> bool:
    """Whether SEAM was shut down while a guest ran here: it ends where it needs the module next."""
    if m.dead:
        _shut_down(p, m, lp, "SEAM was shut down before")
    return m.dead


def _shut_down(p: Platform, m: Module, lp: int, why: str) -> None:
    """A guest that ran on this processor is gone with it: nothing is saved, nothing is told."""
    m.dead = True
    processor = p.lps[lp]
    if processor.mode == "td":
        processor.mode, processor.tdvpr, processor.cpu = "host", 0, CpuState()
        processor.gprs, processor.xmm = [0] * 16, [0] * 16
        m.current.pop(lp, None)
    p.note(e.SeamcallFailed(lp=lp, how="VMfailInvalid", why=why))
