"""A relying party far away: it sees a TDREPORT and nothing else, and decides whether to trust the TD.

The policy is the smallest that makes sense: the platform vouches for the report, and the TD is no
debug TD. Quotes, certificates and measurements belong to attestation proper.
"""

from tdxviz.core import commands as c
from tdxviz.core.arch import report as lay
from tdxviz.core.events import CommandRefused, ReportChecked
from tdxviz.core.faults import EptViolation, GuestFault, MachineCheck
from tdxviz.core.hw import path, physical, seamops
from tdxviz.core.tdx.guest_memory import translation
from tdxviz.core.units import PAGE
from tdxviz.core.world import State

DEBUG = 1
"""ATTRIBUTES bit 0."""


def check_report(state: State, command: c.CheckReport) -> None:
    """The guest sends its report over the network; how it gets there is not modelled."""
    p, lp = state.platform, state.platform.lps[command.lp]
    refusal = ""
    if state.module is None or lp.mode != "td":
        refusal = f"no TD runs on logical processor {lp.id}; only a TD can send a TDREPORT"
    elif command.gpa % PAGE:
        refusal = f"gpa {command.gpa:#x} must be the page of a TDREPORT, aligned to 4 KiB"
    else:
        ctx = translation(p, state.module, lp.id)
        try:
            place = path.second_level(p, lp.id, ctx, command.gpa, "load")
            report = physical.read_physical(p, place.hpa, place.keyid, lay.SIZE)
        except (EptViolation, GuestFault, MachineCheck):
            refusal = f"the guest has no readable page at {command.gpa:#x}"
        else:
            reason = judge(p.report_key, report)
            p.note(ReportChecked(lp=lp.id, td=ctx.actor, accepted=not reason, reason=reason))
            return
    p.note(CommandRefused(lp=lp.id, command="CheckReport", reason=refusal))


def judge(report_key: bytes, report: bytes) -> str:
    """Why the report is turned down; empty if it is accepted."""
    if not seamops.verify(report_key, report[:256]):
        return "no platform vouches for the report"
    if lay.cut(report, "ATTRIBUTES")[0] & DEBUG:
        return "TD_ATTRIBUTES DEBUG bit is set"
    return ""
