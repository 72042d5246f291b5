"""#VE: what the module tells a guest about something the guest must ask the host for itself.

Source: tdx-architecture 9.6.
"""

from dataclasses import dataclass

from tdxviz.core import events as e
from tdxviz.core.faults import GuestFault
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import leaving
from tdxviz.core.tdx.call import quiet
from tdxviz.core.tdx.module import Module

DF, VE = 8, 20
VALID = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Information:
    """The #VE information area. GPA and GLA are 0 where an instruction is the cause."""

    reason: int
    why: str
    length: int = 0
    qualification: int = 0
    gpa: int = 0
    gla: int = 0
    instruction: int = 0
    """VM-exit instruction information: address size and segment of INS and OUTS."""


def inject(p: Platform, m: Module, lp: int, info: Information) -> GuestFault:
    """Fill the information area; #DF if the guest has not read the last one. The fault that is
    returned is still to be delivered."""
    with quiet(p):
        vcpu = leaving.running_vcpu(p, m, lp)
        vps = vcpu.vps
        if vps["VE_VALID"]:
            return GuestFault(DF, 0)
        vps["VE_EXIT_REASON"], vps["VE_LENGTH"] = info.reason, info.length
        vps["VE_QUALIFICATION"], vps["VE_INSTRUCTION_INFO"] = info.qualification, info.instruction
        vps["VE_GPA"], vps["VE_GLA"], vps["VE_EPTP_INDEX"] = info.gpa, info.gla, 0
        vps["VE_VALID"] = VALID
        p.note(e.VeInjected(lp=lp, td=vcpu.td.actor, reason=info.reason, why=info.why))
    return GuestFault(VE)
