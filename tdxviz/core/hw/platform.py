"""The hardware of one machine: units that do not know each other, held together."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tdxviz.core.arch.msr_policy import ARCH_CAPABILITIES, IBRS_ALL
from tdxviz.core.events import Event
from tdxviz.core.hw.cache import Cache
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.dram import Dram, Line
from tdxviz.core.hw.drbg import Drbg
from tdxviz.core.hw.host_state import HostState
from tdxviz.core.hw.keyids import KeyTable
from tdxviz.core.hw.memctl import MemoryController
from tdxviz.core.hw.predictor import Predictor
from tdxviz.core.hw.tlb import Tlb
from tdxviz.core.units import MIB, U64, Hkid, Hpa, World

SIZE = 256 * MIB
"""Memory of the scenarios. A larger machine costs only what is touched of it."""
SEAM_RANGE = (0x0F00_0000, 0x1000_0000)
NMI, INIT, SMI, MSMI = 256, 257, 258, 259
"""Interruptions other than external interrupts, above the 256 vectors."""
PACKAGE_OF_LP = (0, 0, 1, 1)


def kind_of(event: int) -> str:
    """How commands and events name an interruption."""
    return {NMI: "nmi", INIT: "init", SMI: "smi", MSMI: "msmi"}.get(event, "interrupt")


def nobody_listens(event: Event) -> None:
    """Default of ``Platform.note``."""


@dataclass(slots=True)
class LogicalProcessor:
    """``gprs`` and ``xmm`` are what host software finds; ``cpu`` is the guest while one is in."""

    id: int
    package: int
    mode: str = "host"
    """``host``, ``td`` or ``vm``."""
    cpu: CpuState = field(default_factory=CpuState)
    gprs: list[int] = field(default_factory=lambda: [0] * 16)
    xmm: list[int] = field(default_factory=lambda: [0] * 16)
    tlb: Tlb = field(default_factory=Tlb)
    tdvpr: Hpa = 0
    vm: int = -1
    last_tdvpr: Hpa = 0
    pending: int = 0
    """What waits for the next instruction boundary, a bit each: the local APIC's IRR (vectors 0 to 255), and NMI,
    INIT, SMI and MSMI, which are latched beside it."""
    retired: int = 0
    """Guest instructions completed here since power-on."""
    uncounted: int = 0
    """Of these, instructions of TDs during which the host's performance counters stood still."""
    predictor: Predictor = field(default_factory=Predictor)
    told: Any = None
    """What watched runs remember of events they made (``guest/watched.py``); no part of the state, and
    shared by copies, because each use checks that it still holds."""
    host: HostState = field(default_factory=HostState)
    nmi_window: bool = False
    """The module waits for the guest to be able to take an NMI."""
    tsc_adjust: int = 0
    """IA32_TSC_ADJUST: what software has added to this processor's counter."""
    tsc_multiplier: int = 1 << 48
    """Of the guest that is in, in units of 2**-48."""
    tsc_offset: int = 0
    """Of the guest that is in."""
    apic: str = "x2apic"
    """Mode of the local APIC, by IA32_APIC_BASE: ``disabled``, ``xapic`` or ``x2apic``."""
    peers: "list[LogicalProcessor]" = field(default_factory=list, repr=False, compare=False)
    """All processors of the machine: their counters are driven by one clock."""

    @property
    def pending_interrupt(self) -> int:
        """What comes first of all that is pending (MSMI, SMI, INIT, NMI, then the highest vector); -1 for nothing."""
        return self.pending.bit_length() - 1

    @pending_interrupt.setter
    def pending_interrupt(self, event: int) -> None:
        """This one alone, or -1 for none."""
        self.pending = 0 if event < 0 else 1 << event

    def take(self) -> int:
        """Acknowledge what comes first: it is pending no more."""
        event = self.pending_interrupt
        self.pending &= ~(1 << event)
        return event

    @property
    def tsc(self) -> int:
        """Time-stamp counter: one tick an instruction that any guest executed (a simplification; time is
        not modelled), plus what software added."""
        return sum(peer.retired for peer in self.peers or (self,)) + self.tsc_adjust & U64

    def guest_tsc(self, further: int = 0) -> int:
        """What the guest that is in sees, so many ticks from now."""
        return ((self.tsc + further & U64) * self.tsc_multiplier >> 48) + self.tsc_offset & U64

    def copy(self) -> "LogicalProcessor":
        return LogicalProcessor(
            self.id, self.package, self.mode, self.cpu.copy(), self.gprs.copy(), self.xmm.copy(),
            self.tlb.copy(), self.tdvpr, self.vm, self.last_tdvpr, self.pending, self.retired,
            self.uncounted, self.predictor.copy(), self.told, self.host.copy(), self.nmi_window,
            self.tsc_adjust, self.tsc_multiplier, self.tsc_offset, self.apic,
        )  # fmt: skip

    def digest(self, h: "hashlib._Hash") -> None:
        state = (
            self.id, self.mode, self.cpu, self.gprs, self.xmm, self.tdvpr, self.vm,
            self.last_tdvpr, self.pending, self.retired, self.uncounted, self.host,
            self.nmi_window, self.tsc_adjust, self.tsc_multiplier, self.tsc_offset, self.apic,
        )  # fmt: skip
        h.update(repr(state).encode())
        self.tlb.digest(h)
        self.predictor.digest(h)


@dataclass(slots=True)
class Platform:
    """``note`` receives every event; ``trace`` turns micro-operation events on."""

    world: World
    drbg: Drbg
    dram: Dram
    keys: KeyTable
    cache: Cache
    memctl: MemoryController
    lps: list[LogicalProcessor]
    iommu: dict[tuple[str, int], tuple[Hpa, Hkid]] = field(default_factory=dict)
    """(device, page of the I/O address) -> host page and KeyID."""
    report_key: bytes = bytes(32)
    """Seals reports; known to the processor package alone. See ``seamops``."""
    captures: dict[Hpa, Line] = field(default_factory=dict)
    """The probe's newest recording of each line."""
    powered: bool = True
    note: Callable[[Event], None] = nobody_listens
    news: list[Event] | None = None
    """Where events may be put without asking ``note``; None while somebody wants to be asked."""
    trace: bool = False
    size: int = SIZE
    seam_range: tuple[Hpa, Hpa] = SEAM_RANGE
    arch_capabilities: int = 0
    """IA32_ARCH_CAPABILITIES of its processors. Where it has IBRS_ALL, system software uses it."""

    def __post_init__(self) -> None:
        self.memctl.is_watched = self.is_watched
        for lp in self.lps:
            lp.peers = self.lps

    @classmethod
    def fresh(cls, world: World, seed: int, size: int = SIZE) -> "Platform":
        """Power-on of a new machine."""
        return cls.power_on(world, Drbg(seed), Dram(size))

    @classmethod
    def power_on(
        cls, world: World, drbg: Drbg, dram: Dram, arch_capabilities: int | None = None
    ) -> "Platform":
        """A MAC key for this boot and, where memory is encrypted, the TME key. Unless told otherwise the
        legacy world has old processors, the others have such as TDX wants."""
        caps = arch_capabilities
        if caps is None:
            caps = 0 if world == "legacy" else ARCH_CAPABILITIES
        keys = KeyTable()
        mac_key = drbg.draw(16, "MAC key")
        if world != "legacy":
            keys.program(0, drbg)
        memctl = MemoryController(dram, keys, mac_key, world, nobody_listens)
        report_key = drbg.draw(32, "report key") if world != "legacy" else bytes(32)
        lps = [
            LogicalProcessor(n, package, predictor=Predictor(separate=bool(caps & IBRS_ALL)))
            for n, package in enumerate(PACKAGE_OF_LP)
        ]
        return cls(
            world, drbg, dram, keys, Cache(), memctl, lps, report_key=report_key, size=dram.size,
            arch_capabilities=caps,
        )  # fmt: skip

    def is_watched(self) -> bool:
        return self.trace

    def listen(self, note: Callable[[Event], None]) -> None:
        """Send every event of every unit to ``note``."""
        self.note = self.memctl.note = note

    def note_all(self, events: tuple[Event, ...]) -> None:
        """Several events in a row, between which nothing changes."""
        if self.news is not None:
            self.news += events
        else:
            for event in events:
                self.note(event)

    def copy(self) -> "Platform":
        """Independent, and cheap: memory pages and lines are shared until written."""
        dram, keys, old = self.dram.copy(), self.keys.copy(), self.memctl
        memctl = MemoryController(
            dram, keys, old.mac_key, self.world, nobody_listens, inspected=old.inspected
        )
        return Platform(
            self.world, self.drbg.copy(), dram, keys, self.cache.copy(), memctl,
            [lp.copy() for lp in self.lps], self.iommu.copy(), self.report_key, self.captures.copy(),
            self.powered,
            size=self.size, seam_range=self.seam_range, arch_capabilities=self.arch_capabilities,
        )  # fmt: skip

    def digest(self, h: "hashlib._Hash") -> None:
        h.update(
            repr((self.world, self.size, self.drbg.drawn, self.powered, self.arch_capabilities)).encode()
        )
        h.update(repr((sorted(self.iommu.items()), sorted(self.captures.items()))).encode())
        h.update(self.memctl.mac_key)
        h.update(self.report_key)
        self.dram.digest(h)
        self.keys.digest(h)
        self.cache.digest(h)
        for lp in self.lps:
            lp.digest(h)
