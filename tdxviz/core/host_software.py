"""What host software does on its own processor: counters, clock, registers, branches."""

from tdxviz.core import commands as c
from tdxviz.core.events import CommandRefused, HostBranched, HostClocked, HostCounted, HostRegistersRead
from tdxviz.core.units import U64
from tdxviz.core.world import State

CALL_LENGTH = 2
"""Bytes of CALL through a register."""


def count(state: State, command: c.HostCount) -> None:
    lp = state.platform.lps[command.lp]
    state.platform.note(HostCounted(lp=lp.id, retired=lp.retired - lp.uncounted))


def clock(state: State, command: c.HostClock) -> None:
    lp = state.platform.lps[command.lp]
    state.platform.note(HostClocked(lp=lp.id, tsc=lp.tsc))


def read_host_registers(state: State, command: c.ReadHostRegisters) -> None:
    lp = state.platform.lps[command.lp]
    if lp.mode != "host":
        reason = f"a guest runs on logical processor {lp.id}; its registers are in use"
        state.platform.note(CommandRefused(lp=lp.id, command="ReadHostRegisters", reason=reason))
        return
    state.platform.note(
        HostRegistersRead(lp=lp.id, gprs=tuple(lp.gprs), xmm=tuple(lp.xmm), others=lp.host.told())
    )


def branch(state: State, command: c.HostBranch) -> None:
    """The host can run its own code on a processor that no guest is on."""
    lp = state.platform.lps[command.lp]
    if lp.mode != "host":
        reason = f"a guest runs on logical processor {lp.id}; interrupt it first"
        state.platform.note(CommandRefused(lp=lp.id, command="HostBranch", reason=reason))
        return
    at, to = command.at & U64, command.to & U64
    lp.predictor.train(at, to, "host")
    if command.call:
        lp.predictor.push_return(at + CALL_LENGTH & U64, "host")
    state.platform.note(HostBranched(lp=lp.id, at=at, to=to, call=command.call))
