"""What an attack may know and do: addresses, the guest's names, honest-host recipes, and looking.

An attack is a generator of commands: ``events = yield command``. It never says what comes of it.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.case import Case, Choice, Position
from tdxviz.core.commands import (
    Command,
    EvictLine,
    RaiseInterrupt,
    Reboot,
    RunGuest,
    Seamcall,
    VmInvept,
    VmMap,
)
from tdxviz.core.events import Event
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import programs
from tdxviz.core.host import layout
from tdxviz.core.host.boot import FIRST_LP_OF_PACKAGE, SEPT_VE_DISABLE
from tdxviz.core.host.run import enter, resume
from tdxviz.core.host.setup import setup
from tdxviz.core.machine import Machine
from tdxviz.core.observe import guest_actor, guest_keyid, observe
from tdxviz.core.peek import vcpu
from tdxviz.core.peek_walk import walk
from tdxviz.core.units import LINE, PAGE, Gla, Gpa, Hkid, Hpa

Play: TypeAlias = Generator[Command, tuple[Event, ...], None]
"""A script in the making: yields commands, is sent the events of each."""

HOST_LP = 1
RESCHEDULE = 0xFD
FREE_PAGE: Hpa = 0x0090_0000
ATTACKER_BYTES = bytes([0xCC]) * LINE
"""What our attackers plant: easy to recognise on screen."""


@dataclass
class Scene:
    """One attack being played on one machine. Collects what the judge will need."""

    machine: Machine
    hpa: Hpa = -1
    gla: Gla = -1
    expected: bytes = b""
    earlier: bytes = b""
    secrets: tuple[bytes, ...] = ()
    registers: tuple[int, ...] = ()
    choices: tuple[Choice, ...] = ()
    probe: tuple[Hpa, ...] = ()
    lies: tuple[int, ...] = ()
    """Values that the host makes up."""
    saved: tuple[int, ...] = ()
    resumed: tuple[int, ...] = ()
    no_target: str = ""
    lp: int = field(default=0)
    program: str = "vault"
    """The guest program that runs."""

    @property
    def legacy(self) -> bool:
        return self.machine.world == "legacy"

    @property
    def guest(self) -> str:
        return guest_actor(self.machine)

    @property
    def keyid(self) -> Hkid:
        """KeyID under which the guest's lines are cached: the TD's HKID, 0 in the legacy world."""
        return guest_keyid(self.machine)

    def at(self, symbol: str) -> Hpa:
        """Host-physical address of one of the guest's symbols."""
        return layout.hpa_of(layout.symbol(symbol, self.program))

    def label(self, symbol: str) -> int:
        """Linear address of one of the guest's code labels."""
        return layout.symbol(symbol, self.program)

    def run_until(self, symbol: str) -> Play:
        """The honest part of the host: resume the guest until it reaches a label."""
        yield from resume(self.machine, lp=self.lp, until=self.label(symbol), steps=60_000)

    def try_again(self) -> Play:
        """Where the guest no longer runs, the host enters it once more: what does it hear?"""
        if observe(self.machine, self.guest, self.at("picture"), 8).kind == "refused":
            yield from resume(self.machine, lp=self.lp, steps=1)

    def call(self, name: str, *, lp: int = HOST_LP, **regs: int) -> Seamcall:
        """A SEAMCALL whose answer is not known beforehand."""
        return Seamcall(rax=BY_NAME[name].number, lp=lp, **regs)

    def free_page(self) -> Hpa:
        """A page that the scenario never uses."""
        return FREE_PAGE

    def start_over(self, program: str, *, attributes: int = SEPT_VE_DISABLE, patch: str = "") -> Play:
        """Reboot, and run another guest until its label ``ready``. ``patch``: a byte of the image, by
        its symbol, that becomes 1."""
        self.program = program
        image = programs.load(program)
        if patch:
            image = programs.patched(image, image.symbols[patch], b"\x01")
        yield Reboot()
        yield from setup(self.machine, image, attributes=attributes)

    def answer(self, *, until: str, **regs: int) -> Play:
        """Enter the guest with these values in the registers that its TDVMCALL asked for, and let it
        run to a label or to its next exit."""
        if self.machine.platform.lps[self.lp].mode == "host":
            yield self.call("TDH.VP.ENTER", lp=self.lp, rcx=layout.TDVPR, **regs)
        yield RunGuest(lp=self.lp, steps=60_000, until=self.label(until))

    def kick(self) -> Play:
        """An interrupt makes the guest leave its logical processor."""
        if self.machine.platform.lps[self.lp].mode != "host":
            yield RaiseInterrupt(lp=self.lp, vector=RESCHEDULE)
            yield RunGuest(lp=self.lp, steps=1)

    def exchange(self, gpa: Gpa, page: Hpa) -> Play:
        """Put another page behind a guest address, step by step as the rules demand."""
        if self.legacy:
            yield from self.kick()
            yield VmMap(vm=0, gpa=gpa, hpa=page, tables=layout.TABLES + PAGE)
            yield VmInvept(vm=0)
            return
        yield self.call("TDH.MEM.RANGE.BLOCK", rcx=gpa, rdx=layout.TDR)
        yield self.call("TDH.MEM.TRACK", rcx=layout.TDR)
        yield from self.kick()
        yield self.call("TDH.MEM.PAGE.REMOVE", rcx=gpa, rdx=layout.TDR)
        yield self.call("TDH.MEM.PAGE.AUG", rcx=gpa, rdx=layout.TDR, r8=page)

    def insist(self, symbol: str) -> Play:
        """Enter the guest twice without answering its exits."""
        for _ in range(2):
            yield from enter(self.machine, self.lp)
            yield RunGuest(lp=self.lp, steps=60_000, until=self.label(symbol))
            if self.machine.platform.lps[self.lp].mode != "host":
                return

    def forget_translations(self) -> Play:
        """The guest's next accesses walk the tables: INVEPT, or for a TD a new TLB epoch."""
        if self.legacy:
            yield VmInvept(vm=0)
        else:
            yield self.call("TDH.MEM.TRACK", rcx=layout.TDR)

    def table_entry(self, gpa: Gpa) -> Hpa:
        """Where the last-level entry for a guest address lies; the host knows, it gave the page."""
        return walk(self.machine, gpa).steps[-1].entry_hpa

    def tear_down(self) -> Play:
        """Everything up to a free HKID, as an honest host does it."""
        yield self.call("TDH.VP.FLUSH", lp=self.lp, rcx=layout.TDVPR)
        yield self.call("TDH.MNG.VPFLUSHDONE", rcx=layout.TDR)
        for lp in FIRST_LP_OF_PACKAGE:
            yield self.call("TDH.PHYMEM.CACHE.WB", lp=lp)
        yield self.call("TDH.MNG.KEY.FREEID", rcx=layout.TDR)

    def owned(self, hpa: Hpa) -> bool:
        """Whether the memory chips mark the line as a TD's."""
        return self.machine.platform.memctl.probe(hpa).owner

    def require_victim(self) -> None:
        seen = observe(self.machine, self.guest, self.at("password"), 8)
        if seen.data is None or seen.kind != "readable":
            raise TdxvizError(
                f"There is nobody left to attack: {seen.reason}. Go back in time or start the machine anew."
            )

    def evict(self, hpa: Hpa) -> Play:
        """The guest's line leaves the cache: from now on memory decides."""
        yield EvictLine(hpa=hpa, keyid=self.keyid)

    def target(self, hpa: Hpa, size: int = LINE) -> None:
        """Name the bytes under attack; what the guest would read there now is the yardstick."""
        self.hpa = hpa
        self.expected = self._guest_bytes(hpa, size)
        self.secrets += (self.expected,)

    def target_symbol(self, symbol: str, size: int = LINE) -> Hpa:
        """The bytes at one of the guest's symbols, wherever its tables lead."""
        self.target(self.at(symbol), size)
        self.gla = self.label(symbol)
        return self.hpa

    def own_pages(self) -> tuple[Hpa, ...]:
        """Host pages that the scenario's guest uses."""
        return tuple(layout.hpa_of(gpa) for gpa in programs.load(self.program).pages)

    def remember(self, hpa: Hpa, size: int = LINE) -> None:
        """Keep what the guest has at ``hpa`` now as the older value."""
        self.earlier = self._guest_bytes(hpa, size)

    def choose(self, *symbols: str) -> tuple[Choice, ...]:
        """Name the places of which the guest uses one, by a secret."""
        self.choices = tuple(Choice(self.label(name), self.at(name)) for name in symbols)
        return self.choices

    def probe_lines(self, lines: Sequence[Hpa]) -> None:
        """Name the lines that the host flushes and times: each stands for its number."""
        self.probe = tuple(lines)

    def target_registers(self) -> None:
        self.registers = vcpu(self.machine).gprs

    def state(self) -> tuple[int, ...]:
        """RIP and general registers of the guest, wherever they are kept now."""
        now = vcpu(self.machine)
        return (now.rip, *now.gprs)

    def target_named(self, symbol: str, size: int = LINE) -> Hpa:
        """The same for a guest of the gallery."""
        books = self.machine.books
        self.gla = books.symbol(symbol)
        self.target(books.hpa_of(self.gla), size)
        return self.hpa

    def replace_guest(self, name: str, *, attributes: int = SEPT_VE_DISABLE, patch: str = "") -> Play:
        """The machine is started anew with a guest of the gallery, which stands at its first instruction.
        ``patch``: as for ``start_over``."""
        from tdxviz.core.guest import (
            gallery,
        )  # brings the assembler, which nobody needs who only lists attacks
        from tdxviz.core.host import guest_run, guests

        image = gallery.guest(name).image()
        if patch:
            image = image.patched(image.symbols[patch], b"\x01")
        pages = guests.plan(image)
        yield Reboot()
        yield from guest_run.start(self.machine, pages, attributes=attributes)
        self.machine.books = guests.books(image, pages)
        yield from resume(self.machine, lp=self.lp, until=image.entry, steps=50_000, trace=False)

    def _guest_bytes(self, hpa: Hpa, size: int) -> bytes:
        return observe(self.machine, self.guest, hpa, size).data or b""


@dataclass(frozen=True)
class Attack:
    """One entry of the catalogue. ``question`` is what a card asks before it is played."""

    id: str
    title: str
    who: str
    what: str
    where: str
    question: str
    position: Position
    property: str
    source: str
    play: Callable[[Scene], Play]
    variants: tuple["Attack", ...] = ()
    """The same idea done in another way, each an attack of its own named ``id:variant``."""

    def with_variants(self, *rows: tuple[str, str, Callable[[Scene], Play]]) -> "Attack":
        """``rows``: name, title, script."""
        ways = [
            replace(self, id=f"{self.id}:{name}", title=title, what=title, play=script)
            for name, title, script in rows
        ]
        return replace(self, variants=tuple(ways))

    def case(self, scene: Scene) -> Case:
        return Case(
            attack=self.id,
            world=scene.machine.world,
            position=self.position,
            guest=scene.guest,
            hpa=scene.hpa,
            gla=scene.gla,
            own_pages=scene.own_pages(),
            expected=scene.expected,
            earlier=scene.earlier,
            secrets=scene.secrets,
            registers=scene.registers,
            choices=scene.choices,
            probe=scene.probe,
            lies=scene.lies,
            saved=scene.saved,
            resumed=scene.resumed,
            no_target=scene.no_target,
        )
