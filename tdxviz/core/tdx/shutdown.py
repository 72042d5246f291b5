"""The end of SEAM: what damage to the module's own memory leads to. Source: tdx-architecture 11."""

from collections.abc import Iterator
from contextlib import contextmanager

from tdxviz.core import events as e
from tdxviz.core.faults import Inconsistent, MachineCheck
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx.module import Module


@contextmanager
def guarded(p: Platform, m: Module, lp: int) -> Iterator[None]:
    """Module code runs inside. Poison met there (R8) and structures that make no sense shut SEAM
    down; TDX is disabled for good, on every logical processor."""
    watching = p.trace
    try:
        if m.dead:
            raise Inconsistent("SEAM was shut down before")
        yield
    except MachineCheck as poison:
        p.note(e.MachineCheckRaised(lp=lp, context="module", hpa=poison.hpa))
        _shut_down(p, m, lp, f"machine check in the TDX module: poison at {poison.hpa:#x}")
    except Inconsistent as damage:
        _shut_down(p, m, lp, damage.reason)
    finally:
        p.trace = watching


def _shut_down(p: Platform, m: Module, lp: int, why: str) -> None:
    """A guest that ran on this processor is gone with it: nothing is saved, nothing is told."""
    m.dead = True
    processor = p.lps[lp]
    if processor.mode == "td":
        processor.mode, processor.tdvpr, processor.cpu = "host", 0, CpuState()
        processor.gprs, processor.xmm = [0] * 16, [0] * 16
        m.current.pop(lp, None)
    p.note(e.SeamcallFailed(lp=lp, how="VMfailInvalid", why=why))
