"""Privileged instructions of host software that act on the caches of its package. The model has one
cache, in which a dirty line knows the package that wrote it; clean lines are everybody's.

Sources: Intel SDM volume 2 (INVD, WBINVD), volume 3 chapter 18.17 (time-stamp counter); attack catalogue 8.
"""

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.arch import msrs
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import U64, split_keyid


def host_exec(p: Platform, command: c.HostExec) -> None:
    """Carry out the instruction on its logical processor, or let it fault."""
    if command.insn == "INVD":
        _invd(p, command.lp)
    elif command.insn == "WRMSR":
        _wrmsr(p, command)
    else:
        p.note(e.HostExecuted(lp=command.lp, insn="WBINVD", lines=_empty(p, command.lp, write_back=True)))


def _wrmsr(p: Platform, command: c.HostExec) -> None:
    """What is written to the counter appears as a difference in IA32_TSC_ADJUST, and the other way round."""
    lp = p.lps[command.lp]
    if command.msr not in (msrs.TSC, msrs.TSC_ADJUST):
        known = f"{msrs.TSC:#x} (IA32_TIME_STAMP_COUNTER) and {msrs.TSC_ADJUST:#x} (IA32_TSC_ADJUST)"
        reason = f"host software can write the MSRs {known} in this model, not {command.msr:#x}"
        p.note(e.CommandRefused(lp=lp.id, command="HostExec", reason=reason))
        return
    change = command.value - lp.tsc if command.msr == msrs.TSC else command.value - lp.tsc_adjust
    lp.tsc_adjust = lp.tsc_adjust + change & U64
    p.note(e.HostExecuted(lp=lp.id, insn="WRMSR"))


def _invd(p: Platform, lp: int) -> None:
    """Where a protected memory range (here the SEAM range) is active, INVD is not allowed."""
    if p.world != "legacy":
        detail = "INVD is not allowed while the SEAM range is protected"
        p.note(e.HostFaulted(lp=lp, fault="#GP(0)", hpa=0, keyid=0, detail=detail))
        return
    p.note(e.HostExecuted(lp=lp, insn="INVD", lines=_empty(p, lp, write_back=False)))


def _empty(p: Platform, lp: int, *, write_back: bool) -> int:
    """The lines of this processor's package go, dirty ones to memory under their own KeyIDs if
    wanted. Returns how many were dirty."""
    package, dirty = p.lps[lp].package, 0
    watching, p.trace = p.trace, False
    for tag, line in sorted(p.cache.lines.items()):
        if line.dirty and line.package != package:
            continue
        hpa, keyid = split_keyid(tag)
        p.cache.drop(hpa, keyid)
        dirty += line.dirty
        if line.dirty and write_back:
            p.memctl.write_line(hpa, keyid, line.data)
    p.trace = watching
    return dirty
