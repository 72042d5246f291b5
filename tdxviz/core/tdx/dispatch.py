"""SEAMCALL dispatch: the only catcher of Refused on the host side."""

from collections.abc import Callable
from operator import itemgetter

from tdxviz.core import events as e
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME, SEAMCALL, Leaf
from tdxviz.core.arch.registers import GPR_NAMES, RSP
from tdxviz.core.faults import Lingering, Refused
from tdxviz.core.hw import interrupts, physical
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import entry, mem, mem_debug, mem_range, mem_size, mng, mr, phymem, rdwr, sys_, vp
from tdxviz.core.tdx.call import Call, quiet
from tdxviz.core.tdx.locks import Inside
from tdxviz.core.tdx.module import Module
from tdxviz.core.tdx.shutdown import guarded

BODIES: dict[str, Callable[[Call], None]] = {
    "TDH.SYS.INIT": sys_.init,
    "TDH.SYS.LP.INIT": sys_.lp_init,
    "TDH.SYS.CONFIG": sys_.config,
    "TDH.SYS.KEY.CONFIG": sys_.key_config,
    "TDH.SYS.TDMR.INIT": sys_.tdmr_init,
    "TDH.SYS.INFO": sys_.info,
    "TDH.SYS.RD": rdwr.sys_rd,
    "TDH.SYS.RDALL": rdwr.sys_rdall,
    "TDH.SYS.SHUTDOWN": sys_.shutdown,
    "TDH.SYS.LP.SHUTDOWN": sys_.lp_shutdown,
    "TDH.MNG.CREATE": mng.create,
    "TDH.MNG.KEY.CONFIG": mng.key_config,
    "TDH.MNG.ADDCX": mng.addcx,
    "TDH.MNG.INIT": mng.init,
    "TDH.MNG.RD": rdwr.mng_rd,
    "TDH.MNG.WR": rdwr.mng_wr,
    "TDH.MNG.VPFLUSHDONE": mng.vpflushdone,
    "TDH.MNG.KEY.FREEID": mng.key_freeid,
    "TDH.MNG.KEY.RECLAIMID": mng.key_reclaimid,
    "TDH.VP.CREATE": vp.create,
    "TDH.VP.ADDCX": vp.addcx,
    "TDH.VP.INIT": vp.init,
    "TDH.VP.ENTER": entry.enter,
    "TDH.VP.FLUSH": entry.flush,
    "TDH.VP.RD": rdwr.vp_rd,
    "TDH.VP.WR": rdwr.vp_wr,
    "TDH.MEM.SEPT.ADD": mem.sept_add,
    "TDH.MEM.PAGE.ADD": mem.page_add,
    "TDH.MEM.PAGE.AUG": mem.page_aug,
    "TDH.MEM.SEPT.RD": mem_range.sept_rd,
    "TDH.MEM.SEPT.REMOVE": mem_range.sept_remove,
    "TDH.MEM.PAGE.REMOVE": mem_range.page_remove,
    "TDH.MEM.PAGE.RELOCATE": mem_size.page_relocate,
    "TDH.MEM.PAGE.PROMOTE": mem_size.page_promote,
    "TDH.MEM.PAGE.DEMOTE": mem_size.page_demote,
    "TDH.MEM.RANGE.BLOCK": mem_range.range_block,
    "TDH.MEM.RANGE.UNBLOCK": mem_range.range_unblock,
    "TDH.MEM.TRACK": mem_range.track,
    "TDH.MEM.RD": mem_debug.rd,
    "TDH.MEM.WR": mem_debug.wr,
    "TDH.PHYMEM.PAGE.RDMD": phymem.page_rdmd,
    "TDH.PHYMEM.PAGE.RECLAIM": phymem.page_reclaim,
    "TDH.PHYMEM.PAGE.WBINVD": phymem.page_wbinvd,
    "TDH.PHYMEM.CACHE.WB": phymem.cache_wb,
    "TDH.MR.EXTEND": mr.extend,
    "TDH.MR.FINALIZE": mr.finalize,
}
"""Leaf -> body. A row without a body is answered as not modelled yet."""

VERSIONED = {
    "TDH.MEM.PAGE.PROMOTE", "TDH.MEM.SEPT.ADD", "TDH.MEM.SEPT.REMOVE", "TDH.MNG.RD", "TDH.VP.RD",
}  # fmt: skip
BEFORE_READY = {
    "TDH.SYS.INFO", "TDH.SYS.RD", "TDH.SYS.RDALL", "TDH.SYS.INIT", "TDH.SYS.LP.INIT",
    "TDH.SYS.CONFIG", "TDH.SYS.KEY.CONFIG", "TDH.SYS.LP.SHUTDOWN", "TDH.SYS.UPDATE",
}  # fmt: skip
UNDISPATCHED = {"TDH.MEM.SEPT.WR"}
INVALID = s.with_operand("TDX_OPERAND_INVALID", "RAX")

GIVEN = itemgetter(*(name.lower() for name in GPR_NAMES if name != "RSP"))
"""The registers that a SEAMCALL takes, in encoding order."""
PLACE = {name: number for number, name in enumerate(GPR_NAMES)}
INPUTS = (("rcx", "RCX"), ("rdx", "RDX"), ("r8", "R8"), ("r9", "R9"))


def leaf_number(name: str) -> int:
    """Number of a leaf by its name. Raises KeyError."""
    return BY_NAME[name].number


def is_modelled(leaf: Leaf) -> bool:
    return leaf.name in BODIES


def seamcall(p: Platform, m: Module, lp: int, regs: dict[str, int], resumed: Inside | None = None) -> None:
    """Run one leaf with raw registers (lower-case names). Every outcome becomes an event. ``resumed``: it
    was held inside the module."""
    if m.dead:
        p.note(e.SeamcallFailed(lp=lp, how="VMfailInvalid"))
        return
    host = p.lps[lp]
    given = GIVEN(regs)
    host.gprs = [*given[:RSP], host.gprs[RSP], *given[RSP:]]
    rax = regs["rax"]
    row = SEAMCALL.get(rax & 0xFFFF)
    name = row.name if row else f"leaf {rax & 0xFFFF}"
    refusal = _dispatcher_refusal(m, rax, row)
    if refusal:
        _finish(p, lp, rax, name, refusal[0], 0, refusal[1], regs, {})
        return
    assert row is not None
    call = Call(p, m, lp, row, regs, resumed=resumed)
    with guarded(p, m, lp):
        try:
            BODIES[name](call)
        except Refused as no:
            _finish(p, lp, rax, name, no.status, call.passed, no.reason, regs, call.outputs)
        else:
            if name != "TDH.VP.ENTER":  # it completes at the TD exit
                _finish(p, lp, rax, name, s.SUCCESS, call.passed, "", regs, call.outputs)


def hold(p: Platform, m: Module, lp: int, regs: dict[str, int], checks: int) -> bool:
    """Let a call linger inside the module after so many checks, or before its effects.

    What it would do is tried on a copy, for the locks that it takes on its way; it is carried out
    by ``proceed``. False: it is refused earlier, so nothing can be held."""
    rax = regs["rax"]
    row = SEAMCALL.get(rax & 0xFFFF)
    if m.dead or row is None or _dispatcher_refusal(m, rax, row):
        return False
    twin = m.copy()
    call = Call(p.copy(), twin, lp, row, regs, hold=checks)
    with guarded(call.p, twin, lp):
        try:
            if checks > 0:
                BODIES[row.name](call)
        except Lingering:
            pass
        except Refused:
            return False
    if twin.dead:
        return False
    seen = tuple(call.seen.items())
    m.inside[lp] = Inside(row.name, tuple(regs.items()), tuple(call.locks), call.passed, seen)
    with quiet(p):
        for flag in call.flags:
            physical.write_physical(p, *flag)
    locks = tuple(str(lock) for lock in call.locks)
    p.note(e.SeamcallHeld(lp=lp, name=row.name, passed=call.passed, locks=locks))
    return True


def proceed(p: Platform, m: Module, lp: int) -> None:
    """The held call goes on; then the host takes the interrupt that came meanwhile."""
    held = m.inside.pop(lp)
    seamcall(p, m, lp, dict(held.regs), held)
    if p.lps[lp].mode == "host":
        interrupts.host_takes(p, p.lps[lp])


def _dispatcher_refusal(m: Module, rax: int, row: Leaf | None) -> tuple[int, str] | None:
    """The dispatcher's own checks, in order. Source: tdx-architecture 4."""
    name = row.name if row else ""
    if rax >> 24:
        return INVALID, "RAX has reserved bits set"
    if rax >> 16 and name not in VERSIONED:
        return INVALID, f"this leaf has no version {rax >> 16}"
    if m.sys_state == "SYS_SHUTDOWN" and name != "TDH.SYS.LP.SHUTDOWN":
        return s.with_operand("TDX_SYS_SHUTDOWN", None), "the module was shut down"
    if m.sys_state != "SYS_READY" and name not in BEFORE_READY:
        return s.with_operand("TDX_SYS_NOT_READY", None), f"the module is {m.sys_state}"
    if row is None or name in UNDISPATCHED:
        return INVALID, f"the module has no leaf {rax & 0xFFFF}"
    if name not in BODIES:
        return INVALID, f"{name} is not modelled yet in tdxviz; the real module knows it"
    return None


def _finish(
    p: Platform, lp: int, rax: int, name: str, status: int, passed: int, reason: str,
    regs: dict[str, int], outputs: dict[str, int],
) -> None:  # fmt: skip
    host = p.lps[lp]
    outputs = {"RAX": status, **outputs}
    for register, value in outputs.items():
        host.gprs[PLACE[register]] = value
    inputs = {shown: regs[n] for n, shown in INPUTS if regs.get(n)}
    p.note(
        e.LeafReturned(
            lp=lp, side="host", leaf=rax & 0xFFFF, name=name, status=status, passed=passed,
            reason=reason, inputs=inputs, outputs=outputs,
        )
    )  # fmt: skip
