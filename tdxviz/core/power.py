"""Switching the machine off and on: what firmware does before anybody else runs."""

from tdxviz.core import commands as c
from tdxviz.core.events import MachineRebooted
from tdxviz.core.hw.dram import Dram, Line
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx.module import Module, PlatformConfig
from tdxviz.core.units import LINE, PAGE, U64
from tdxviz.core.world import State

SPD_FACTORS = (1, 2, 4)
ALIAS = "boot-time alias check fails, TDX not enabled"


def reboot(state: State, command: c.Reboot) -> tuple[State, MachineRebooted]:
    """A machine after power-on with the same chips; what a probe has recorded stays the probe's."""
    old = state.platform
    chips = old.dram.chips
    dram = Dram(chips * command.spd_factor, chips)
    module, why = None, ""
    if state.world != "legacy":
        why = ALIAS if aliases(Dram(dram.size, chips)) else ""
        config = PlatformConfig(cmrs=((0, chips),), smrr_ok=command.smrr_locked)
        module = Module(config=config, dead=bool(why))
    caps = command.arch_capabilities
    platform = Platform.power_on(state.world, old.drbg.copy(), dram, None if caps is None else caps & U64)
    platform.captures = old.captures.copy()
    return State(state.world, platform, module), MachineRebooted(tdx=module is not None and not why, why=why)


def aliases(dram: Dram) -> bool:
    """The check of the trusted boot code: write different marks at addresses that differ in one
    bit, then see whether every mark is still there."""
    places = [0, *(1 << bit for bit in range(PAGE.bit_length() - 1, dram.size.bit_length()))]
    marks = {at: at.to_bytes(LINE, "little") for at in places if at < dram.size}
    for at, mark in marks.items():
        dram.put(at, Line(mark, 0, False, False))
    found = {at: dram.line(at) for at in marks}
    return any(line is None or line.data != marks[at] for at, line in found.items())
