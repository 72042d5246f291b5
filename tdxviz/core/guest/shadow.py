"""Control-flow enforcement (CET): shadow stack and indirect branch tracking.

Source: Intel SDM volume 1, chapter 17. Return addresses are stored twice; the copy lies in pages that
ordinary stores cannot reach. An indirect branch must land on ENDBR64.
"""

from collections.abc import Callable

from tdxviz.core.arch import msrs
from tdxviz.core.faults import Boundary, GuestFault
from tdxviz.core.guest.context import Context
from tdxviz.core.hw import path
from tdxviz.core.hw.cpu import BRANCH_TRACKING, CR4_CET, SHADOW_STACK, USER, CpuState
from tdxviz.core.units import U64

CP, GP = 21, 13
NEAR_RET, FAR_RET, ENDBRANCH = 1, 2, 3
"""Error codes of #CP."""
TRACKER, NO_TRACK_EN, LEGACY = 1 << 11, 1 << 4, 1 << 3
BUSY = 1
ENDBR = {64: bytes.fromhex("f30f1efa"), 32: bytes.fromhex("f30f1efb")}
INT3 = 0xCC


def load(x: Context, gla: int) -> int:
    before = x.moves()
    data = path.shadow_load(x.p, x.lp, x.ctx, gla, 8)
    x.notice(before)
    return int.from_bytes(data, "little")


def store(x: Context, gla: int, value: int) -> None:
    store_part(x, gla, value, 8)


def store_part(x: Context, gla: int, value: int, size: int) -> None:
    before = x.moves()
    path.shadow_store(x.p, x.lp, x.ctx, gla, value.to_bytes(size, "little"))
    x.notice(before)


def push(x: Context, value: int) -> None:
    """A near CALL stores its return address a second time. Call it before anything changed."""
    top = x.cpu.ssp - 8 & U64
    store(x, top, value)
    x.cpu.ssp = top


def check_return(x: Context, target: int) -> None:
    """A near RET compares the two return addresses. Raises #CP(1), nothing changed."""
    if load(x, x.cpu.ssp) != target:
        raise GuestFault(CP, NEAR_RET)
    x.cpu.ssp = x.cpu.ssp + 8 & U64


def _control(cpu: CpuState) -> int:
    return msrs.U_CET if cpu.cpl == USER else msrs.S_CET


def track(x: Context, target: int, *, notrack: bool) -> None:
    """An indirect branch to ``target`` was taken: ENDBR64 must come next.

    Raises:
        Boundary: always when branch tracking is on, so that the step loop checks the target.
    """
    cpu = x.cpu
    if cpu.cet & BRANCH_TRACKING and not (notrack and cpu.msrs[_control(cpu)] & NO_TRACK_EN):
        cpu.rip = target
        cpu.msrs[_control(cpu)] |= TRACKER
        raise Boundary


def expect_endbranch(cpu: CpuState) -> None:
    """The handler of an event must begin with ENDBR64, too."""
    if cpu.cet & BRANCH_TRACKING:
        cpu.msrs[_control(cpu)] |= TRACKER


def waiting(cpu: CpuState) -> bool:
    """Whether the next instruction must be ENDBR64."""
    return bool(cpu.cet & BRANCH_TRACKING and cpu.msrs[_control(cpu)] & TRACKER)


def check_endbranch(x: Context) -> None:
    """Look at the instruction to come. Raises #CP(3); the tracker goes back to idle otherwise."""
    cpu = x.cpu
    code = path.fetch(x.p, x.lp, x.ctx, cpu.rip, 1)
    if code[0] != INT3:
        code = path.fetch(x.p, x.lp, x.ctx, cpu.rip, 4)
        if code != ENDBR[cpu.bits]:
            raise GuestFault(CP, ENDBRANCH)
    cpu.msrs[_control(cpu)] &= ~TRACKER


def prepare_delivery(x: Context, cpl: int, stack_table: int, lip: int) -> Callable[[], None]:
    """What an event's delivery does to the shadow stacks. Checks and stores now; the returned
    function then changes the registers and cannot fail."""
    cpu = x.cpu
    leaving_user = cpu.cpl == USER and cpl != USER
    on_before = bool(cpu.cet & SHADOW_STACK)
    control = cpu.msrs[msrs.U_CET if cpl == USER else msrs.S_CET]
    on_after = bool(cpu.cr4 & CR4_CET and control & SHADOW_STACK)
    old, new = cpu.ssp, cpu.ssp
    if on_after:
        new = _new_stack(x, cpl, stack_table)
        if not leaving_user and on_before:
            new &= ~7
            for value in (cpu.cs, lip, old):
                new = new - 8 & U64
                _as(x, cpl, lambda at=new, word=value: store(x, at, word))

    def commit() -> None:
        if leaving_user and on_before:
            cpu.msrs[msrs.PL3_SSP] = old
        if on_after:
            cpu.ssp = new

    return commit


def _new_stack(x: Context, cpl: int, stack_table: int) -> int:
    """SSP to start from: the present one, or another whose token is marked busy."""
    cpu = x.cpu
    if not stack_table and cpl == cpu.cpl:
        return cpu.ssp
    if stack_table:
        table = cpu.msrs[msrs.INTERRUPT_SSP_TABLE_ADDR]
        kept, cpu.cpl = cpu.cpl, 0
        try:
            top = x.load(table + 8 * stack_table, 8)
        finally:
            cpu.cpl = kept
    else:
        top = cpu.msrs[msrs.PL0_SSP + cpl]
    if top & 7 or _as(x, cpl, lambda: load(x, top)) != top:
        raise GuestFault(GP, 0)
    _as(x, cpl, lambda: store(x, top, top | BUSY))
    return top


def _as(x: Context, cpl: int, act: Callable[[], int | None]) -> int | None:
    """Access a shadow stack of privilege ``cpl``."""
    kept, x.cpu.cpl = x.cpu.cpl, cpl
    try:
        return act()
    finally:
        x.cpu.cpl = kept


def prepare_iret(x: Context, cs: int, lip: int, cpl: int) -> Callable[[], None]:
    """IRET: compare what the shadow stack kept of the interrupted code. Raises #CP(2)."""
    cpu = x.cpu
    on = bool(cpu.cet & SHADOW_STACK)
    new = cpu.ssp
    if (on and cpl != USER) or (on and cpu.cpl == USER):
        kept = [load(x, cpu.ssp + 8 * n) for n in range(3)]
        if kept[1:] != [lip, cs] or kept[0] & 7:
            raise GuestFault(CP, FAR_RET)
        new = kept[0]
    token = cpu.ssp

    def commit() -> None:
        """After the new CPL and its CET state are in place."""
        if on and cpl == USER and cpu.cet & SHADOW_STACK:
            cpu.ssp = cpu.msrs[msrs.PL3_SSP]
        elif on:
            cpu.ssp = new

    if on and cpl == USER and cpu.cpl != USER and load(x, token) == token | BUSY:
        store(x, token, token)
    return commit
