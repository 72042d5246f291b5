"""What a compiled instruction works on: a vCPU's registers and its way to memory."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from tdxviz.core.guest import debug, watched
from tdxviz.core.guest.flags import ARITHMETIC
from tdxviz.core.guest.lazy import Pending
from tdxviz.core.hw import path
from tdxviz.core.hw.cache import CacheLine
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.path import Translation
from tdxviz.core.hw.platform import LogicalProcessor, Platform
from tdxviz.core.hw.predictor import Target
from tdxviz.core.hw.tlb import TlbEntry
from tdxviz.core.units import LINE, PAGE, Gla, with_keyid

if TYPE_CHECKING:
    from tdxviz.core.guest.compiler import Compiled


Blocks: TypeAlias = dict[int, tuple[int, Callable[..., int]]]
"""RIP -> instructions and function of the block there, as long as nothing moves."""
Stray: TypeAlias = "Callable[[Context, Gla, Target, Gla], None]"


def follow_nothing(x: "Context", branch: Gla, guess: Target, actual: Gla) -> None:
    """Wrong predictions have no consequences here."""


class Context:
    """Made anew for each run, or for several in a row. What it remembers of TLB, cache and code only saves
    time: every entry can be found again from those, and goes when they change."""

    __slots__ = (
        "armed", "base", "bits", "blocks", "cache", "calls", "code", "cpl", "cpu", "ctx", "fx", "gprs", "known", "lines", "lp", "p", "package",
        "paused", "pend", "ran", "rd", "readable", "seen", "setting", "stale", "stray", "tlb", "who", "wr", "writable",
    )  # fmt: skip

    def __init__(self, p: Platform, lp: LogicalProcessor, ctx: Translation, cpu: CpuState) -> None:
        self.p, self.lp, self.ctx, self.cpu = p, lp, ctx, cpu
        self.gprs, self.cpl, self.bits = cpu.gprs, cpu.cpl, cpu.bits
        self.who, self.calls = ctx.actor, lp.predictor.returns
        self.stray: Stray = follow_nothing
        """What the processor does with a wrong prediction."""
        self.package = p.cache.package
        self.armed = debug.watches_data(cpu)
        """Some data breakpoint is enabled: every access has to be looked at."""
        self.tlb, self.cache, self.lines = lp.tlb, p.cache, p.cache.lines
        self.rd: dict[int, int] = {}
        """Readable page number -> what to add to a linear address for its full physical address."""
        self.wr: dict[int, int] = {}
        self.fx: dict[int, int] = {}
        self.readable: dict[int, TlbEntry] = {}
        """While somebody watches: readable page number -> its translation."""
        self.writable: dict[int, TlbEntry] = {}
        self.known: dict[Gla, tuple[bytes, Compiled]] = {}
        """RIP -> the line's bytes and the instruction in it."""
        self.seen: watched.Seen | None = watched.seen_on(lp) if p.trace else None
        """While somebody watches: accesses and fetches whose events are made already."""
        self.code: dict[int, bytes] = {}
        """Lines that code in use was translated from: tag -> bytes."""
        self.blocks: Blocks = {}
        self.setting: tuple[int | None, int] = (None, 0)
        """What ``blocks`` were chosen for, beside their bytes: where to stop, and the mode."""
        self.pend: Pending | None = None
        """The flags, if they are not in RFLAGS yet."""
        self.stale = False
        """TLB, cache or code changed: nothing remembered about code holds any more."""
        self.base = 0
        """Instructions of this run before those that ``ran`` counts."""
        self.ran = 0
        """Instructions of the present walk, or of a block that was left early."""
        self.paused: tuple[int, int] = (0, 0)
        """Changes of TLB and cache when the last run of several ended."""

    def resumes(self, ctx: Translation) -> bool:
        """Be ready for another run of the same guest, after others had the machine. What is remembered of
        translations holds while the TLB did not change; False: make a new context."""
        cpu = self.cpu
        if ctx is not self.ctx or cpu is not self.lp.cpu or self.gprs is not cpu.gprs or self.cpl != cpu.cpl:
            return False
        if self.armed != debug.watches_data(cpu):
            return False
        if self.paused[0] != self.tlb.changes:
            self.forget()
        if self.stale or self.paused != self.moves() or self.seen is not None or not self._unchanged():
            self.blocks.clear()
            self.code.clear()
        if self.bits != cpu.bits:
            self.bits = cpu.bits
            self.known.clear()
        self.calls = self.lp.predictor.returns
        self.stale, self.base, self.ran = False, 0, 0
        return True

    def _unchanged(self) -> bool:
        """Whether the code in use is what it was."""
        return all((line := self.lines.get(tag)) and line.data is data for tag, data in self.code.items())

    # --- memory ---------------------------------------------------------------------------

    def load(self, gla: Gla, size: int) -> int:
        page = self.rd.get(gla >> 12)
        if page is not None and gla % LINE + size <= LINE:
            line = self.lines.get(gla + page & -LINE)
            if line is not None:
                start = gla % LINE
                return int.from_bytes(line.data[start : start + size], "little")
        elif self.seen is not None and (known := watched.load(self, self.seen, gla, size)) is not None:
            return known.number
        return int.from_bytes(self.load_bytes(gla, size), "little")

    def load_bytes(self, gla: Gla, size: int) -> bytes:
        """The whole way of a load."""
        if self.armed:
            self.ctx.hits |= debug.met(self.cpu, gla, size, store=False)
        if self.seen is not None and (known := watched.load(self, self.seen, gla, size)) is not None:
            return known.data
        before = self.moves()
        data = path.load(self.p, self.lp, self.ctx, gla, size)
        self._remember(gla, before, self.rd, self.readable, "r")
        return data

    def fetch(self, gla: Gla, size: int) -> bytes:
        before = self.moves()
        data = path.fetch(self.p, self.lp, self.ctx, gla, size)
        self._remember(gla, before, self.fx, None, "x")
        return data

    def store(self, gla: Gla, size: int, value: int) -> None:
        page = self.wr.get(gla >> 12)
        if page is not None and gla % LINE + size <= LINE:
            tag = gla + page & -LINE
            line = self.lines.get(tag)
            if line is not None and tag not in self.code:
                data, start = line.data, gla % LINE
                data = data[:start] + value.to_bytes(size, "little") + data[start + size :]
                self.lines[tag] = CacheLine(data, True, self.package)
                return
        elif self.seen is not None and watched.store(self, self.seen, gla, value.to_bytes(size, "little")):
            return
        self.store_bytes(gla, value.to_bytes(size, "little"))

    def store_bytes(self, gla: Gla, data: bytes) -> None:
        """The whole way; notices a store into code."""
        if self.armed:
            self.ctx.hits |= debug.met(self.cpu, gla, len(data), store=True)
        if self.seen is not None and watched.store(self, self.seen, gla, data):
            return
        before = self.moves()
        path.store(self.p, self.lp, self.ctx, gla, data)
        self._remember(gla, before, self.wr, self.writable, "w")
        page, end = self.wr.get(gla >> 12), gla + len(data) - 1
        if (
            page is None
            or end >> 12 != gla >> 12
            or gla + page & -LINE in self.code
            or end + page & -LINE in self.code
        ):
            self.stale = True

    def _remember(
        self, gla: Gla, before: tuple[int, int], places: dict[int, int], entries: dict[int, TlbEntry] | None,
        right: str,
    ) -> None:  # fmt: skip
        """The place of a page; while somebody watches, its translation."""
        self.notice(before)
        if self.cpl != self.cpu.cpl or (self.armed and right != "x"):
            return
        entry = self.tlb.lookup(self.ctx.vpid, gla)
        if entry is None or right not in path.rights(entry, self.cpu):
            return
        if self.seen is None:
            places[gla >> 12] = with_keyid(entry.hpa, entry.keyid) - (gla & -PAGE)
        elif entries is not None:
            entries[gla >> 12] = entry

    def moves(self) -> tuple[int, int]:
        """Changes of TLB and cache so far."""
        return self.tlb.changes, self.cache.changes

    def notice(self, before: tuple[int, int]) -> None:
        """Forget what may be wrong if something changed since ``moves`` said ``before``."""
        if self.tlb.changes != before[0]:
            self.forget()
        elif self.cache.changes != before[1]:
            self.stale = True

    def probe(self, gla: Gla, size: int) -> None:
        """Make sure that a store will succeed."""
        before = self.moves()
        path.probe_store(self.p, self.lp, self.ctx, gla, size)
        self.notice(before)

    def forget(self) -> None:
        """The TLB changed."""
        self.rd.clear()
        self.wr.clear()
        self.fx.clear()
        self.readable.clear()
        self.writable.clear()
        self.stale = True

    def new_mode(self) -> None:
        """The same bytes may mean something else now, and other pages may be reached."""
        self.forget()
        self.known.clear()
        self.cpl, self.bits = self.cpu.cpl, self.cpu.bits

    def flush_translations(self, gla: Gla | None, reason: str) -> None:
        """INVLPG or a control-register write drops this vCPU's translations."""
        from_here = self.lp.tlb.flush(self.ctx.vpid, gla)
        self.p.note(path.flushed(self.lp.id, self.ctx.vpid, from_here, reason))
        self.forget()

    def time(self) -> int:
        """The time stamp counter."""
        return self.lp.guest_tsc(self.base + self.ran)

    # --- branches -------------------------------------------------------------------------

    def steered(self, branch: Gla, target: Gla) -> None:
        """An indirect branch goes to ``target``; everything that it does is done."""
        predictor = self.lp.predictor
        guess = predictor.predict(branch, self.who)
        predictor.train(branch, target, self.who)
        if guess is not None and guess.target != target:
            self.stray(self, branch, guess, target)

    def returned(self, branch: Gla, target: Gla) -> None:
        """The same for a RET; the return stack holds something."""
        guess = self.lp.predictor.pop_return(self.who)
        if guess is not None and guess.target != target:
            self.stray(self, branch, guess, target)

    # --- flags ----------------------------------------------------------------------------

    def settle(self) -> int:
        """Bring RFLAGS up to date; returns its six arithmetic flags."""
        pend = self.pend
        if pend is None:
            return self.cpu.rflags & ARITHMETIC
        kind, a, b, t = pend
        flags = kind(0, a, b, t)
        self.put_flags(flags)
        return flags

    def put_flags(self, flags: int) -> None:
        self.pend = None
        self.cpu.rflags = self.cpu.rflags & ~ARITHMETIC | flags

    def carry(self) -> int:
        """CF as a number."""
        return self.settle() & 1

    # --- leaving a block ------------------------------------------------------------------

    def leave(self, done: int, rip: int) -> int:
        """A block's last instruction ran, but the machine underneath moved."""
        self.ran, self.cpu.rip = done, rip
        return -1
