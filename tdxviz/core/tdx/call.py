"""One leaf in progress: typed operands, checks in the order of the leaf's row, locks, events.

A leaf body never names a status: ``require`` takes the next check of the row, and the row knows
what is returned when it fails. Locks are released with the call, never by a leaf.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from tdxviz.core import events as e
from tdxviz.core.arch import sept
from tdxviz.core.arch.leaves import Check, Leaf
from tdxviz.core.arch.status import with_operand
from tdxviz.core.arch.structures import MIN_TDCX
from tdxviz.core.faults import Inconsistent, Lingering, Refused
from tdxviz.core.hw import physical
from tdxviz.core.hw.platform import Platform
from tdxviz.core.tdx import pamt
from tdxviz.core.tdx.locks import Inside, Lock
from tdxviz.core.tdx.module import Module, PamtEntry
from tdxviz.core.tdx.structs import Td, Vcpu, lifecycle_name
from tdxviz.core.units import GIB, KEYID_SHIFT, MAXPA, MIB, PAGE, Gpa, Hpa, is_private

PAGE_SIZES = (PAGE, 2 * MIB, GIB, 512 * GIB)
RWX = 7
ZERO_PAGE = bytes(PAGE)
"""One for all: a TD may have very many pages that nobody wrote to yet."""
Reason: TypeAlias = str | Callable[[], str]
"""Why a check fails; a function where making the words each time would cost more than the check."""


class quiet:  # noqa: N801  # because it reads as what it does: with quiet(...)
    """The module's own memory accesses are real, but not the learner's to watch one by one."""

    __slots__ = ("p", "watching")

    def __init__(self, p: Platform) -> None:
        self.p = p

    def __enter__(self) -> None:
        self.watching, self.p.trace = self.p.trace, False

    def __exit__(self, *_: object) -> None:
        self.p.trace = self.watching


class SeptPlace(NamedTuple):
    """An entry of a Secure EPT, found by a walk."""

    gpa: Gpa
    level: int
    address: Hpa
    value: int
    """Without the host-priority flag and the progress of an ACCEPT."""
    state: str
    hkid: int = 0
    priority: bool = False
    """The flag was set: the host waits for the entry."""
    progress: int = 0
    """4 KiB pages of a pending 2 MiB page that are accepted already."""


def sept_place(gpa: Gpa, level: int, address: Hpa, value: int, state: str, hkid: int) -> SeptPlace:
    """What an entry's bits say."""
    if not value & (sept.HOST_PRIORITY | sept.PENDING):  # nearly always
        return SeptPlace(gpa, level, address, value, state, hkid)
    progress = sept.progress_of(value, level)
    bare = value & ~(sept.HOST_PRIORITY | (sept.PROGRESS if progress else 0))
    return SeptPlace(gpa, level, address, bare, state, hkid, bool(value & sept.HOST_PRIORITY), progress)


@dataclass(slots=True)
class Call:
    p: Platform
    m: Module
    lp: int
    leaf: Leaf
    regs: dict[str, int]
    outputs: dict[str, int] = field(default_factory=dict)
    passed: int = 0
    detail: int = 0
    """Low half of a status whose row names no operand (index of the TDMR that is wrong)."""
    hold: int = -1
    """Checks after which the call stays inside the module; -1 for never."""
    operand: str = ""
    """Operand of the checks to come, where a row names several (R9 / R10 / R11)."""
    locks: list[Lock] = field(default_factory=list)
    """What this call has locked so far; released with the call."""
    resumed: Inside | None = None
    """The call was held inside the module, and goes on."""
    seen: dict[str, int] = field(default_factory=dict)
    """What it has read and goes on with."""
    flags: list[tuple[Hpa, int, bytes]] = field(default_factory=list)
    """Host-priority flags that it has written: address, HKID, entry."""

    def cleared(self, *registers: str) -> None:
        """Output registers that are zero on every exit, unless the leaf says something."""
        self.outputs |= dict.fromkeys(registers, 0)

    # --- checks ---------------------------------------------------------------------------

    def next_check(self) -> Check:
        return self.leaf.checks[self.passed]

    def require(self, holds: bool, reason: Reason, *, status: str = "", operand: str = "") -> None:
        """Take the next check of the row. ``status`` and ``operand`` choose where a row names
        several.

        Raises:
            Refused: it does not hold; nothing has been changed.
        """
        if not holds:
            check = self.next_check()
            about = operand or self.operand or check.operand
            value = with_operand(status or check.status, about)
            if not about:
                value |= self.detail
            raise Refused(value, None, reason if isinstance(reason, str) else reason())
        self.passed += 1
        if self.passed == self.hold:
            raise Lingering

    def tsc_adjusted(self) -> bool:
        """Whether this processor's IA32_TSC_ADJUST is what TDH.SYS.INIT has seen."""
        return self.p.lps[self.lp].tsc_adjust == self.m.config.tsc_adjust

    def page_address(self, name: str, value: int) -> PamtEntry:
        """Two checks: a plausible page address without KeyID; inside an initialised block."""
        aligned = value % PAGE == 0 and value >> MAXPA == 0
        why = "is not 4 KiB aligned" if value % PAGE else "carries KeyID bits or lies beyond MAXPA"
        self.require(aligned, lambda: f"{name} = {value:#x} {why}")
        pamt.consult(self.p, self.m, value)
        entry = self.m.page(value)
        self.require(entry is not None, lambda: f"{value:#x} is in no initialised block of a TDMR")
        assert entry is not None
        return entry

    def remember(self, name: str, value: int) -> int:
        """``value``, or what a held call has read before it was held."""
        if self.resumed is not None:
            value = dict(self.resumed.seen).get(name, value)
        self.seen[name] = value
        return value

    def has_it_already(self) -> bool:
        """Whether a held call had passed the check that is next before it was held."""
        return self.resumed is not None and self.resumed.passed > self.passed

    def take(self, lock: Lock, reason: Reason, place: SeptPlace | None = None) -> None:
        """The next check: a lock, never waited for. ``place``: the entry that a host call locks."""
        free = not self.is_taken(lock)
        if place is not None:
            self.set_priority(place, free=free)
        self.locks.append(lock)
        self.require(free, reason)

    def set_priority(self, place: SeptPlace, *, free: bool) -> None:
        """A host that finds an entry locked flags it, and the guest's next attempt fails in its favour; a
        host that gets the lock takes the flag away. Source: module source tdx_locks.h."""
        if not free:
            self.flag(place, priority=True)
        elif place.priority and not self.has_it_already():
            self.flag(place, priority=False)

    def is_taken(self, lock: Lock) -> bool:
        """Whether this call or somebody else holds a lock that excludes this one."""
        for other in self.locks:
            if other.kind == lock.kind and lock.excludes(other):
                return True
        m = self.m
        others = m.inside or (m.running and lock.kind == "PAMT")  # running vCPUs hold no other kind
        return bool(others) and any(map(lock.excludes, m.locks_of_others(self.lp)))

    def lock(self, page: Hpa, how: str, size: int = PAGE) -> None:
        """The next check: the PAMT entry's lock, ``sh`` or ``ex``. A lock on a page is also a
        shared lock on the entries of the larger pages around it."""
        pamt.consult(self.p, self.m, page)
        self.take(Lock("PAMT", page, size, how == "ex"), lambda: f"the PAMT entry of {page:#x} is locked")

    def typed_page(self, name: str, how: str, kind: str) -> Hpa:
        """Four checks on a page operand: address, block, lock, type."""
        page = self.regs[name.lower()] if name in REGISTERS else 0
        return self.typed_page_at(name, page, how, kind)

    def typed_page_at(self, name: str, page: Hpa, how: str, kind: str) -> Hpa:
        entry = self.page_address(name, page)
        self.lock(page, how)
        right = entry.kind == kind and entry.size == 0
        self.require(right, lambda: f"{page:#x} is a {entry.kind} page, not {kind}")
        return page

    def free_page(self, name: str) -> Hpa:
        """FREE(r): a PT_NDA page, locked exclusively."""
        return self.typed_page(name, "ex", "PT_NDA")

    def open_tdr(self, name: str, how: str, mask: int = 0) -> Td:
        """TDR(r): the page operand of a TD. ``mask``: low bits of the operand that mean something else."""
        page = self.regs[name.lower()] & ~mask
        return Td(self.p, self.m, self.typed_page_at(name, page, how, "PT_TDR"))

    def open_vcpu(self, name: str, how: str, value: int | None = None) -> Vcpu:
        """TDVPR(r): five checks; takes the owner TDR's lock shared."""
        page = self.regs[name.lower()] if value is None else value
        page = self.typed_page_at(name, page, how, "PT_TDVPR")
        entry = self.m.page(page)
        assert entry is not None
        self.lock(entry.owner, "sh")
        return Vcpu(Td(self.p, self.m, entry.owner), page)

    def state(self, td: Td, *, lock: bool = True) -> None:
        """STATE: fatal, keys, TDCX pages, (lock,) OP_STATE."""
        fatal, code, count = td.beginning()
        self.require(not fatal, lambda: f"{td.actor} is fatal: it will never run again")
        lifecycle = lifecycle_name(code)
        keys = lifecycle == "TD_KEYS_CONFIGURED"
        self.require(keys, lambda: f"the lifecycle state of {td.actor} is {lifecycle}")
        enough = count >= MIN_TDCX
        self.require(enough, lambda: f"only {count} TDCX pages were added, {MIN_TDCX} are needed")
        if lock:
            self.take(Lock("OP_STATE", td.tdr_page), lambda: f"the OP_STATE of {td.actor} is locked")
        now, leaf = td.op_state, self.leaf
        allowed = now in leaf.op_states
        self.require(allowed, lambda: f"{td.actor} is {now}; {leaf.name} does not work there")

    # --- Secure EPT -----------------------------------------------------------------------

    def entry_at(self, td: Td, gpa: Gpa, level: int) -> tuple[SeptPlace, bool]:
        """Walk to ``level``. The flag is false when the walk stopped early."""
        table, now, hkid, pamt = td.sept_root, 3, td.hkid, self.m.pamt
        while True:
            address = table + (gpa >> 12 + 9 * now & 511) * 8
            value = physical.read_qword(self.p, address, hkid)
            state = sept.state_of(value)
            if state == "CORRUPT":
                raise Inconsistent(f"the Secure EPT entry at {address:#x} holds {value:#x}")
            if now == level:
                return sept_place(gpa, now, address, value, state, hkid), True
            if not value & RWX or value >> 7 & 1:
                return sept_place(gpa, now, address, value, state, hkid), False
            table, now = sept.frame(value), now - 1
            entry = pamt.get(table)  # as ``owns``: a table is always a 4 KiB page
            if entry is None or entry.kind != "PT_EPT" or entry.owner != td.tdr_page:
                raise Inconsistent(f"{table:#x} is no Secure EPT page of this TD")

    def mapped_page(self, td: Td, place: SeptPlace) -> Hpa:
        """The private page that a leaf entry names."""
        page = sept.frame(place.value)
        entry = self.m.page(page)
        good = td.owns(page, "PT_REG") and page % PAGE_SIZES[place.level] == 0
        if not good or entry is None or entry.size != place.level:
            raise Inconsistent(f"{page:#x} is mapped, but is no page of this TD")
        return page

    def table_page(self, td: Td, place: SeptPlace) -> Hpa:
        """The Secure EPT page that a non-leaf entry names."""
        page = sept.frame(place.value)
        if not td.owns(page, "PT_EPT"):
            raise Inconsistent(f"{page:#x} is no Secure EPT page of this TD")
        return page

    def child(self, td: Td, parent: SeptPlace, table: Hpa, number: int) -> SeptPlace:
        """One of the 512 entries of a Secure EPT page."""
        address, level = table + number * 8, parent.level - 1
        value = physical.read_qword(self.p, address, td.hkid)
        state, gpa = sept.state_of(value), parent.gpa + number * PAGE_SIZES[level]
        if state == "CORRUPT":
            raise Inconsistent(f"the Secure EPT entry at {address:#x} holds {value:#x}")
        return sept_place(gpa, level, address, value, state, td.hkid)

    def report_entry(self, place: SeptPlace) -> None:
        """On Secure EPT errors RCX returns the entry, RDX level and public state."""
        self.outputs["RCX"] = sept.shown(place.value | place.progress << sept.PROGRESS_SHIFT)
        public = sept.PUBLIC.get(place.state, 0)
        self.outputs["RDX"] = place.level | public << 8

    def walked(self, td: Td, gpa: Gpa, level: int) -> SeptPlace:
        """The check that the walk reaches the level."""
        place, reached = self.entry_at(td, gpa, level)
        if not reached:
            self.report_entry(place)
        self.require(
            reached, lambda: f"the walk for {gpa:#x} stopped at level {place.level} in {place.state}"
        )
        return place

    def set_entry(self, td: Td, place: SeptPlace, state: str, hpa: Hpa) -> None:
        value = sept.make_entry(state, hpa)
        if state in sept.NON_LEAF and place.state in sept.NON_LEAF:
            value |= place.value & sept.ALIASES
        if place.progress and value & sept.PENDING:
            value |= place.progress << sept.PROGRESS_SHIFT
        physical.write_physical(self.p, place.address, td.hkid, value.to_bytes(8, "little"))
        self.note(
            e.SeptEntryChanged(
                lp=self.lp, td=td.actor, gpa=place.gpa, level=place.level, before=place.state,
                after=state, hpa=hpa,
            )
        )  # fmt: skip

    def flag(self, place: SeptPlace, *, priority: bool) -> None:
        """The host-priority flag of an entry, for good: also of a call that is tried on a copy."""
        value = place.value | place.progress << sept.PROGRESS_SHIFT | priority * sept.HOST_PRIORITY
        self.flags.append((place.address, place.hkid, value.to_bytes(8, "little")))
        physical.write_physical(self.p, *self.flags[-1])

    # --- effects --------------------------------------------------------------------------

    def note(self, event: e.Event) -> None:
        self.p.note(event)

    def give_page(self, page: Hpa, kind: str, owner: Hpa, size: int = 0) -> None:
        before = self.m.page(page)
        self.m.set_page(page, PamtEntry(kind, owner, size, 0))
        self.note(
            e.PamtChanged(
                lp=self.lp, hpa=page, before=before.kind if before else "", after=kind, owner=owner,
                size=size,
            )
        )  # fmt: skip

    def free(self, page: Hpa) -> None:
        """The page, of whatever size, becomes PT_NDA; what it holds stays as it is."""
        before = self.m.page(page)
        assert before is not None
        self.m.set_page(page, PamtEntry("PT_NDA"))
        self.note(
            e.PamtChanged(
                lp=self.lp, hpa=page, before=before.kind, after="PT_NDA", owner=0, size=before.size
            )
        )  # fmt: skip

    def clear_page(self, page: Hpa, hkid: int, pattern: bytes = b"\x00") -> None:
        """MOVDIR64B over a whole page under a private HKID."""
        content = ZERO_PAGE if pattern == b"\x00" else pattern * (PAGE // len(pattern))
        physical.write_page_direct(self.p, page, hkid, content)

    def read_shared(self, address: int, size: int) -> bytes:
        """A host buffer given with a shared KeyID in its address bits. The module does not ask what lies
        there; where nothing does, the bus answers with ones."""
        hpa, keyid = address & (1 << KEYID_SHIFT) - 1, address >> KEYID_SHIFT
        if hpa + size > self.p.size:
            return b"\xff" * size
        return physical.read_physical(self.p, hpa, keyid, size)

    def write_shared(self, address: int, data: bytes) -> None:
        """The same for answers in memory; where nothing lies they are lost."""
        hpa, keyid = address & (1 << KEYID_SHIFT) - 1, address >> KEYID_SHIFT
        if hpa + len(data) <= self.p.size:
            physical.write_physical(self.p, hpa, keyid, data)

    def shared_address(self, address: int, align: int, size: int) -> bool:
        """Aligned, shared KeyID, outside the SEAM range."""
        hpa, keyid = address & (1 << KEYID_SHIFT) - 1, address >> KEYID_SHIFT
        low, high = self.p.seam_range
        apart = not (hpa < high and low < hpa + size)
        return address % align == 0 and not is_private(keyid) and keyid < 16 and apart


REGISTERS = frozenset(("RAX", "RCX", "RDX", "RBX", "R8", "R9", "R10", "R11", "R12", "R13"))
