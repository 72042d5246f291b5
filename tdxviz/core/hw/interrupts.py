"""Physical interruptions of host software. Source: Intel SDM volume 3, 7.9 (priorities) and 11 (local APIC)."""

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.hw.platform import LogicalProcessor, Platform, kind_of

ILLEGAL = {("x2apic", "xapic"), ("disabled", "x2apic")}


def host_takes(p: Platform, lp: LogicalProcessor) -> None:
    """Host software runs again with interrupts on: it handles all that is pending, the highest first."""
    while lp.pending:
        event = lp.take()
        kind = kind_of(event)
        p.note(e.InterruptHandled(lp=lp.id, vector=event if kind == "interrupt" else 0, kind=kind))


def host_apic(p: Platform, command: c.HostApic) -> None:
    """WRMSR to IA32_APIC_BASE: the local APIC's mode. Some ways are #GP."""
    lp = p.lps[command.lp]
    if (lp.apic, command.mode) in ILLEGAL:
        detail = f"IA32_APIC_BASE: there is no way from {lp.apic} to {command.mode}"
        p.note(e.HostFaulted(lp=lp.id, fault="#GP(0)", hpa=0, keyid=0, detail=detail))
        return
    lp.apic = command.mode
    p.note(e.ApicModeSet(lp=lp.id, mode=command.mode))
