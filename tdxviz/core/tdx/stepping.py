"""The stepping filter: an attacker who interrupts after each instruction, or lets one instruction fault
again and again, gets neither. Source: tdx-architecture 9.7; module source td_exit_stepping.c (1.5).
"""

from tdxviz.core import events as e
from tdxviz.core.arch import structures as s
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.tdx.module import Module, Stepping
from tdxviz.core.tdx.structs import Vcpu

MOST_BYTES = 32
"""RIP moved by at most this much since TDH.VP.ENTER, and ..."""
MOST_CYCLES = 4096
"""... so many cycles passed: somebody may be stepping."""
MOST_FURTHER = 32
FREE_FAULTS = 6
"""Private EPT violations at the RIP of entry that are only counted."""


def entered(m: Module, lp: LogicalProcessor) -> None:
    """TDH.VP.ENTER remembers where and when."""
    m.stepping[lp.id] = Stepping(lp.cpu.rip, lp.tsc)


def suspicious(m: Module, lp: LogicalProcessor) -> bool:
    """Whether an interruption now would show the host a step."""
    now = m.stepping[lp.id]
    moved = abs(lp.cpu.rip - now.rip)
    return not now.done and moved <= MOST_BYTES and lp.tsc - now.tsc <= MOST_CYCLES


def apic_is_off(lp: LogicalProcessor) -> bool:
    """Without its local APIC the module cannot keep an interruption for later."""
    return lp.apic == "disabled"


def begin(p: Platform, m: Module, lp: LogicalProcessor) -> None:
    """Stay in the TD for a random number of further instructions; interruptions wait."""
    further = 1 + p.drbg.draw(1, "stepping filter")[0] % MOST_FURTHER
    now = m.stepping[lp.id]
    m.stepping[lp.id] = now._replace(left=further, done=True)
    moved = lp.cpu.rip - now.rip
    p.note(e.SteppingFiltered(lp=lp.id, td=m.current[lp.id].actor, moved=moved, further=further))


def left(m: Module, lp: int) -> int:
    """Instructions that still have to run before an interruption may leave the TD."""
    return m.stepping[lp].left if lp in m.stepping else 0


def ran(m: Module, lp: int, count: int) -> None:
    now = m.stepping.get(lp)
    if now is not None and now.left:
        m.stepping[lp] = now._replace(left=max(now.left - count, 0))


def forget(m: Module, lp: LogicalProcessor) -> None:
    """At the TD exit."""
    m.stepping.pop(lp.id, None)


def progress(m: Module, lp: LogicalProcessor, vcpu: Vcpu) -> None:
    """RIP moved since entry: the list of faulting GPAs starts anew."""
    now, vps = m.stepping.get(lp.id), vcpu.vps
    if now is not None and lp.cpu.rip != now.rip and (vps["EPF_COUNT"] or vps["LAST_EPF_GPA_LIST_IDX"]):
        vps["EPF_COUNT"], vps["LAST_EPF_GPA_LIST_IDX"] = 0, 0


def log_violation(m: Module, lp: LogicalProcessor, vcpu: Vcpu, gpa: int) -> None:
    """A private EPT violation is about to exit."""
    progress(m, lp, vcpu)
    vps = vcpu.vps
    if vps["EPF_COUNT"] < FREE_FAULTS:
        vps["EPF_COUNT"] += 1
        return
    known = suspects(vcpu)
    if gpa not in known and len(known) < s.MOST_EPF_GPAS:
        vps[f"EPF_GPA{len(known)}"] = gpa
        vps["LAST_EPF_GPA_LIST_IDX"] = len(known) + 1


def suspects(vcpu: Vcpu) -> tuple[int, ...]:
    """GPAs on which the vCPU faulted again and again."""
    count = min(vcpu.vps["LAST_EPF_GPA_LIST_IDX"], s.MOST_EPF_GPAS)
    return tuple(vcpu.vps[f"EPF_GPA{n}"] for n in range(count))
