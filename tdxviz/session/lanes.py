"""Whose lane of the timeline an event is drawn in."""

from collections.abc import Sequence

from tdxviz.core import commands as c
from tdxviz.core import events as e

LANES = ("td-a", "td-b", "vm-a", "module", "host", "device", "probe")
"""Lanes from top to bottom; further guests follow their letters."""

MODULE_EVENTS = (
    e.LeafReturned, e.SeamcallHeld, e.TdcallInterrupted, e.SystemStateChanged, e.KeyConfigured, e.KotChanged, e.PamtChanged,
    e.SeptEntryChanged, e.LifecycleChanged, e.OpStateChanged, e.VcpuStateChanged,
    e.MeasurementExtended, e.TdEntered, e.StateSaved, e.RegistersScrubbed, e.TdExited,
    e.TdBecameFatal, e.VeInjected, e.VcpuAssociated, e.IbpbIssued, e.BranchHistoryCleared, e.EpochStamped, e.EpochAdvanced,
    e.LineCleaned, e.ReportMade,
)  # fmt: skip
DEVICE_COMMANDS = (c.DmaRead, c.DmaWrite)
PROBE_COMMANDS = (c.BusCapture, c.BusInject, c.FlipBit, c.DumpDimm)


def lane(event: e.Event) -> str:
    """The lane an event names itself; empty for micro-operations, which belong to their access."""
    if isinstance(event, MODULE_EVENTS):
        return "module"
    actor = getattr(event, "actor", "") or getattr(event, "vm", "")
    return actor or getattr(event, "context", "")


class Lanes:
    """Follows who is entered on which logical processor."""

    def __init__(self, guests: dict[int, str] | None = None) -> None:
        self._guests = guests or {}

    def copy(self) -> "Lanes":
        return Lanes(dict(self._guests))

    def of(self, command: c.Command, events: Sequence[e.Event]) -> list[str]:
        """One lane per event of a command."""
        fallback = self._actor(command)
        lanes: list[str] = []
        for event in events:
            if isinstance(event, e.TdEntered):
                self._guests[event.lp] = event.td
            elif isinstance(event, e.VmEntered):
                self._guests[event.lp] = event.vm
            elif isinstance(event, e.AccessBegan | e.InstructionRetired):
                self._guests[event.lp] = fallback = event.actor
            lanes.append(lane(event) or fallback)
        return lanes

    def _actor(self, command: c.Command) -> str:
        if isinstance(command, c.RunGuest | c.Tdcall):
            return self._guests.get(command.lp, "host")
        if isinstance(command, c.Seamcall | c.Proceed):
            return "module"
        if isinstance(command, DEVICE_COMMANDS):
            return "device"
        return "probe" if isinstance(command, PROBE_COMMANDS) else "host"
