"""The way of one memory access, on one screen: TLB, walk, then the line (``physical``).

Only this and ``physical`` know how the units hang together; no unit calls another.
"""

from dataclasses import dataclass

from tdxviz.core import events as e
from tdxviz.core.faults import EptViolation, GuestFault
from tdxviz.core.hw import walk
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.physical import cached_line, evict, read_physical, write_physical
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.hw.tlb import TlbEntry
from tdxviz.core.units import LINE, PAGE, U64, Gla, Gpa, Hkid, Hpa

WRITE_PROTECT = 1 << 16
EFER_NXE = 1 << 11
USER = 3
PERMS = tuple("".join(c if n >> k & 1 else "-" for k, c in enumerate("rwx")) for n in range(8))
BIT = {"load": "r", "store": "w", "fetch": "x"}
SMEP, SMAP, AC = 1 << 20, 1 << 21, 1 << 18
"""Of CR4 and RFLAGS."""
WITHOUT = [str.maketrans({c: "-" for k, c in enumerate("rwx") if n >> k & 1}) for n in range(8)]


@dataclass(slots=True)
class Translation:
    """How one guest's addresses become memory: the registers that a VMCS would hold."""

    actor: str
    vpid: int
    hkid: Hkid
    """Key of private memory; 0 for an ordinary VM."""
    sept_root: Hpa
    ept_root: Hpa
    """Host-owned EPT: the shared EPT of a TD (0 = none set), or the EPT of an ordinary VM."""
    gpaw_shared_bit: int
    """Number of the SHARED bit of a GPA; -1 where there is none."""
    cpu: CpuState
    epoch: int
    walk_sept: bool
    owned_cr0: int = 0
    owned_cr4: int = 0
    """Control-register bits whose change leaves the guest (guest/host masks)."""
    barred_cr4: int = 0
    """CR4 bits that this guest may not set."""
    hits: int = 0
    """Data breakpoints (bit n = DRn) that the newest instruction met; told right behind it."""
    transient: str = ""
    """Put before the kind of an access that is told; empty unless nothing of it will be committed."""


def barred(cpu: CpuState) -> int:
    """Rights (R=1, W=2, X=4) that SMEP and SMAP take from the kernel on user pages at this moment."""
    return (walk.FETCH if cpu.cr4 & SMEP else 0) | (3 if cpu.cr4 & SMAP and not cpu.rflags & AC else 0)


def rights(entry: TlbEntry, cpu: CpuState) -> str:
    """What an entry allows at this privilege level, like ``rw-``."""
    if cpu.cpl == USER:
        return entry.user
    lost = barred(cpu) if cpu.cr4 & (SMEP | SMAP) and entry.user != "---" else 0
    return entry.perms if not lost else entry.perms.translate(WITHOUT[lost])


def load(p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, size: int) -> bytes:
    """``size`` bytes (1 to 64) as the guest reads them.

    Raises:
        GuestFault, EptViolation, MachineCheck: nothing was delivered.
    """
    return _access(p, lp, ctx, gla, size, "load")


def fetch(p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, size: int) -> bytes:
    """Like ``load``, with the right to execute."""
    return _access(p, lp, ctx, gla, size, "fetch")


def _access(p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, size: int, kind: str) -> bytes:
    if gla % LINE + size <= LINE and not p.trace:  # the fast tier: one line, nobody watches
        entry = lp.tlb.lookup(ctx.vpid, gla)
        if entry is not None and BIT[kind] in rights(entry, ctx.cpu):
            at = entry.hpa + (gla & 0xFFF)
            start = at % LINE
            return cached_line(p, at - start, entry.keyid)[start : start + size]
    if p.trace:
        p.note(e.AccessBegan(lp=lp.id, actor=ctx.actor, kind=ctx.transient + kind, gla=gla, size=size))
    parts = [(_translate(p, lp, ctx, at, kind), n) for at, n in _pieces(gla, size)]
    data = b""
    for entry_at, n in parts:
        entry, at = entry_at
        hpa = entry.hpa + at % PAGE
        piece = cached_line(p, hpa & -LINE, entry.keyid)[hpa % LINE : hpa % LINE + n]
        data += piece
        if p.trace:
            p.note(
                e.MemoryLoaded(
                    lp=lp.id, actor=ctx.actor, kind=ctx.transient + kind, gla=at, gpa=entry.gpa + at % PAGE,
                    hpa=hpa, keyid=entry.keyid, data=piece,
                )
            )  # fmt: skip
    return data


def probe_store(p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, size: int) -> None:
    """Make sure that a store will succeed: translate with write intent and fill the lines."""
    for at, _ in _pieces(gla, size):
        entry, _at = _translate(p, lp, ctx, at, "store")
        cached_line(p, entry.hpa + (at & 0xFFF) & -LINE, entry.keyid)


def store(p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, data: bytes) -> None:
    """Write into the cache; memory changes when the line is written back."""
    if p.trace:
        p.note(e.AccessBegan(lp=lp.id, actor=ctx.actor, kind="store", gla=gla, size=len(data)))
    pieces = _pieces(gla, len(data))
    places = [_translate(p, lp, ctx, at, "store")[0] for at, _ in pieces]
    lines = [
        cached_line(p, entry.hpa + (at & 0xFFF) & -LINE, entry.keyid)
        for entry, (at, _) in zip(places, pieces, strict=True)
    ]
    done = 0
    for entry, (at, n), line in zip(places, pieces, lines, strict=True):
        hpa = entry.hpa + at % PAGE
        start, piece = hpa % LINE, data[done : done + n]
        p.cache.write(hpa - start, entry.keyid, line[:start] + piece + line[start + n :])
        done += n
        if p.trace:
            p.note(
                e.MemoryStored(
                    lp=lp.id, actor=ctx.actor, gla=at, gpa=entry.gpa + at % PAGE, hpa=hpa,
                    keyid=entry.keyid, data=piece,
                )
            )  # fmt: skip


def _pieces(gla: Gla, size: int) -> list[tuple[Gla, int]]:
    """The access cut at line boundaries."""
    pieces: list[tuple[Gla, int]] = []
    while size > 0:
        n = min(LINE - gla % LINE, size)
        pieces.append((gla & U64, n))
        gla, size = gla + n, size - n
    return pieces


def _translate(
    p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, kind: str
) -> tuple[TlbEntry, Gla]:
    """TLB first; on a miss walk the guest's tables and the second level, and fill the TLB."""
    entry = lp.tlb.lookup(ctx.vpid, gla)
    if entry is not None and BIT[kind] in rights(entry, ctx.cpu):
        if p.trace:
            p.note(
                e.TlbHit(
                    lp=lp.id, vpid=ctx.vpid, gla=gla, gpa=entry.gpa + gla % PAGE,
                    hpa=entry.hpa + gla % PAGE, keyid=entry.keyid,
                )
            )  # fmt: skip
        return entry, gla
    if p.trace:
        p.note(e.TlbMissed(lp=lp.id, vpid=ctx.vpid, gla=gla))
    try:
        entry = _walk(p, lp, ctx, gla, kind)
    except EptViolation as violation:
        violation.gla = gla
        raise
    lp.tlb.fill(entry)
    if p.trace:
        p.note(
            e.TlbFilled(
                lp=lp.id, vpid=ctx.vpid, gla=entry.gla, gpa=entry.gpa, hpa=entry.hpa,
                keyid=entry.keyid, perms=entry.perms,
            )
        )  # fmt: skip
    return entry, gla


FETCH_FROM_SHARED = 0x19
"""Error code of the #PF of a TD that fetches code from shared memory: present, reserved bit, fetch.
An assumption: code must lie in private memory, but the exact fault could not be confirmed."""


def _walk(p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, kind: str) -> TlbEntry:
    cpu = ctx.cpu
    gpa, kernel, user = gla, 7, 7
    if cpu.paging:
        gpa, kernel, user = walk.guest_tables(
            cpu.cr3, gla, kind, user=cpu.cpl == 3, write_protect=bool(cpu.cr0 & WRITE_PROTECT),
            no_execute=bool(cpu.efer & EFER_NXE),
            read=lambda at: _guest_entry(p, lp, ctx, at), barred=barred(cpu), smep=bool(cpu.cr4 & SMEP),
            width=ctx.gpaw_shared_bit + 1 if ctx.walk_sept else 52,
        )  # fmt: skip
    if kind == "fetch" and ctx.walk_sept and gpa >> ctx.gpaw_shared_bit & 1:
        raise GuestFault(walk.PF, FETCH_FROM_SHARED | (4 if cpu.cpl == 3 else 0), gla)
    mapping = second_level(p, lp.id, ctx, gpa, kind)
    if not mapping.perms & {"load": 1, "store": 2, "fetch": 4}[kind]:
        raise EptViolation(gpa, kind, state="NO PERMISSION", level=0, perms=mapping.perms)
    perms, theirs = PERMS[kernel & mapping.perms], PERMS[user & mapping.perms]
    return TlbEntry(
        ctx.vpid, gla & -PAGE & U64, gpa & -PAGE, mapping.hpa & -PAGE, mapping.keyid, perms,
        mapping.shared, ctx.epoch, theirs,
    )  # fmt: skip


def shadow_load(p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, size: int) -> bytes:
    """A shadow-stack load, inside one line. Translated anew each time (no TLB entry is made)."""
    mapping = _shadow_place(p, lp, ctx, gla, "load")
    return read_physical(p, mapping.hpa, mapping.keyid, size)


def shadow_store(p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, data: bytes) -> None:
    mapping = _shadow_place(p, lp, ctx, gla, "store")
    write_physical(p, mapping.hpa, mapping.keyid, data)


def _shadow_place(p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, access: str) -> walk.Mapping:
    cpu, gpa = ctx.cpu, gla
    try:
        if cpu.paging:
            gpa = walk.shadow_stack_page(
                cpu.cr3, gla, access, user=cpu.cpl == 3, read=lambda at: _guest_entry(p, lp, ctx, at)
            )
        return second_level(p, lp.id, ctx, gpa, access)
    except EptViolation as violation:
        violation.gla, violation.shadow = gla, not violation.table
        raise


def _guest_entry(p: Platform, lp: LogicalProcessor, ctx: Translation, gpa: Gpa) -> int:
    """One entry of the guest's own tables: itself a guest-physical read."""
    try:
        mapping = second_level(p, lp.id, ctx, gpa, "load")
    except EptViolation as violation:
        violation.table = True
        raise
    value = _qword(p, mapping.hpa, mapping.keyid)
    if p.trace:
        level = -1  # the walk knows; a reader of the event sees it from the order
        p.note(e.TableRead(lp=lp.id, table="guest", level=level, address=mapping.hpa, value=value, gpa=gpa))
    return value


def second_level(p: Platform, lp: int, ctx: Translation, gpa: Gpa, kind: str) -> walk.Mapping:
    """Private GPAs through the Secure EPT, shared ones (and ordinary VMs) through the host's EPT."""
    note = p.note if p.trace else None

    def read(hpa: Hpa, keyid: Hkid) -> int:
        return _qword(p, hpa, keyid)

    if not ctx.walk_sept:
        return walk.host_ept(ctx.ept_root, gpa, kind, read, note, lp, shared=False)
    if gpa >> ctx.gpaw_shared_bit > 1:
        raise GuestFault(walk.PF, 9, gpa)
    if gpa >> ctx.gpaw_shared_bit & 1:
        return walk.host_ept(ctx.ept_root, gpa, kind, read, note, lp, shared=True)
    return walk.secure_ept(ctx.sept_root, ctx.hkid, gpa, kind, read, note, lp)


def _qword(p: Platform, hpa: Hpa, keyid: Hkid) -> int:
    """A walk's own read; the walk is what is told, so its cache traffic is not."""
    watching, p.trace = p.trace, False
    try:
        line = cached_line(p, hpa & -LINE, keyid)
    finally:
        p.trace = watching
    return int.from_bytes(line[hpa % LINE : hpa % LINE + 8], "little")


def flush_line(
    p: Platform, lp: LogicalProcessor, ctx: Translation, gla: Gla, reason: str, *, drop: bool
) -> None:
    """A guest's CLFLUSH, or CLWB (not ``drop``), of the line that it sees there.

    Raises:
        GuestFault, EptViolation: as for a load.
    """
    entry, _ = _translate(p, lp, ctx, gla, "load")
    hpa = entry.hpa + gla % PAGE & -LINE
    if drop:
        evict(p, hpa, entry.keyid, reason)
        return
    line = p.cache.lookup(hpa, entry.keyid)
    if line is not None and line.dirty:
        p.memctl.write_line(hpa, entry.keyid, line.data)
        p.cache.cleaned(hpa, entry.keyid)


def flushed(lp: int, vpid: int, count: int, reason: str) -> e.TlbFlushed:
    """The event of a flush that a guest did itself."""
    return e.TlbFlushed(lp=lp, vpid=vpid, count=count, reason=reason)
