"""From the machine's events to the words a lesson's check may use: one table.

A lesson event name is frozen with ``tdxlesson/1``; the core may grow new events without touching
any lesson.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tdxviz.core import events as e
from tdxviz.core.arch.exits import TDCALL
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.arch.status import name_of
from tdxviz.core.units import LINE, World, line_of

EVENT_NAMES = (
    "mem.read", "mem.write", "cache.fill", "cache.evict", "dma.read", "dma.write", "bus.probe",
    "bus.replay", "bit.flip", "sept.*", "pamt.*", "tlb.fill", "tlb.flush", "track.epoch",
    "td.create", "td.key_config", "td.key_free", "td.enter", "td.exit", "td.fatal", "vmcall",
    "ve.inject", "ud.inject", "irq.inject", "vp.write", "guest.exec", "step.filter",
    "predictor.flush", "guest.fault", "cet.fault", "l2.enter", "l2.exit", "share.convert",
    "tls.record", "tdi.bind", "tdi.state", "tdi.dma", "measure.extend", "report.create",
    "quote.verify", "secret.release", "mig.export", "mig.import", "mig.commit", "verdict",
    "predictor.train", "exception", "machine.dump", "host.registers", "td.expose",
)  # fmt: skip
"""``family.*`` stands for every name that begins with ``family.``."""

FIELDS = (
    "actor", "line", "td", "world", "result", "value", "kind", "field", "bit", "name", "keyid",
    "rip", "vector", "state",
)  # fmt: skip
"""Fields a check may compare, besides ``event``."""

LEAVES = {
    "TDH.MNG.CREATE": "td.create",
    "TDH.MNG.KEY.CONFIG": "td.key_config",
    "TDH.MNG.KEY.FREEID": "td.key_free",
    "TDH.MEM.RANGE.BLOCK": "sept.block",
    "TDH.MEM.RANGE.UNBLOCK": "sept.unblock",
    "TDH.MEM.SEPT.ADD": "sept.add_table",
    "TDH.MEM.PAGE.ADD": "sept.add",
    "TDH.MEM.PAGE.AUG": "sept.aug",
    "TDH.MEM.PAGE.REMOVE": "sept.remove",
    "TDH.MEM.PAGE.RELOCATE": "sept.relocate",
    "TDG.MEM.PAGE.ACCEPT": "sept.accept",
    "TDH.MEM.TRACK": "track.epoch",
    "TDH.VP.WR": "vp.write",
    "TDG.VP.VMCALL": "vmcall",
    "TDG.MR.REPORT": "report.create",
}
"""Leaf -> lesson event of its completion, whose ``result`` is ``ok`` or the status name."""

READ_RESULTS = {
    "plain": ("data", "ok"),
    "decrypted": ("data", "ok"),
    "owned-zeros": ("fixed_pattern", "ok"),
}
UNDEFINED_OPCODE = 6
CONTROL_PROTECTION = 21


@dataclass(frozen=True)
class Fact:
    """One lesson event. ``results``: every word that is true of how it ended."""

    name: str
    number: int
    """Event number on its timeline."""
    world: World
    actor: str = ""
    hpa: int = -1
    size: int = LINE
    results: tuple[str, ...] = ()
    more: dict[str, str | int | bool] = field(default_factory=dict)


@dataclass
class Reporter:
    """Turns the events of one timeline into facts; remembers who is just leaving a TD."""

    world: World
    _leaving: set[int] = field(default_factory=set)
    _steering: e.SpeculationBegan | None = None
    """The wrong prediction that is being followed."""
    _loading: dict[int, e.MemoryLoaded] = field(default_factory=dict)
    """Line -> what was loaded from it meanwhile."""

    def report(self, events: Sequence[e.Event], first: int) -> Iterator[Fact]:
        """``first`` is the number of the first of these events."""
        for number, event in enumerate(events, first):
            make = TABLE.get(type(event))
            if make is not None:
                yield from make(self, event, number)

    def fact(
        self,
        event: e.Event,
        number: int,
        name: str,
        actor: str,
        /,
        *results: str,
        **more: str | int | bool,
    ) -> Fact:
        data = getattr(event, "data", None)
        if data is not None:
            more["value"] = data.hex()
        keyid = getattr(event, "keyid", None)
        if keyid is not None:
            more["keyid"] = keyid
        return Fact(
            name,
            number,
            self.world,
            actor.replace("-", "_"),
            getattr(event, "hpa", -1),
            len(data) if data else LINE,
            results,
            more,
        )

    # --- memory ---------------------------------------------------------------------------

    def host_loaded(self, event: e.HostLoaded, n: int) -> Iterator[Fact]:
        results = READ_RESULTS.get(event.rule, (event.rule,))
        yield self.fact(event, n, "mem.read", "host", *results)

    def host_stored(self, event: e.HostStored, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "mem.write", "host", "accepted", "ok", kind=event.how)

    def host_faulted(self, event: e.HostFaulted, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "exception", "host", "refused", name=event.fault)

    def loaded(self, event: e.MemoryLoaded, n: int) -> Iterator[Fact]:
        if event.kind == "load":
            yield self.fact(event, n, "mem.read", event.actor, "ok", "data")
        elif event.kind == "speculative load":
            self._loading[line_of(event.hpa)] = event
            yield self.fact(event, n, "mem.read", event.actor, "speculative", kind="speculative")

    def strayed(self, event: e.SpeculationBegan, n: int) -> Iterator[Fact]:
        self._steering = event
        self._loading.clear()
        yield from ()

    def squashed(self, event: e.SpeculationSquashed, n: int) -> Iterator[Fact]:
        """A line that a load has brought stays in the cache that all share: whoever steered there can
        look for it."""
        began, self._steering = self._steering, None
        if began is None or began.trainer == event.actor:
            return
        for hpa in event.lines:
            if hpa in self._loading:
                visible = ("speculative", "attacker_visible")
                yield self.fact(self._loading[hpa], n, "mem.read", event.actor, *visible, kind="speculative")

    def timed(self, event: e.HostTimed, n: int) -> Iterator[Fact]:
        speed = "slow" if event.slow else "fast"
        yield self.fact(event, n, "mem.read", "host", speed, kind="timed")

    def trained(self, event: e.HostBranched, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "predictor.train", "host", "ok", rip=event.at)

    def stored(self, event: e.MemoryStored, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "mem.write", event.actor, "ok", "accepted")

    def retired(self, event: e.InstructionRetired, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "guest.exec", event.actor, "ok", rip=event.rip, value=event.code.hex())

    def machine_check(self, event: e.MachineCheckRaised, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "mem.read", event.context, "poison")
        yield self.fact(event, n, "exception", event.context, "poison", name="#MC")

    def dma_loaded(self, event: e.DmaLoaded, n: int) -> Iterator[Fact]:
        results = READ_RESULTS.get(event.rule, (event.rule,))
        yield self.fact(event, n, "dma.read", "device", *results)

    def dma_stored(self, event: e.DmaStored, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "dma.write", "device", "accepted", "ok")

    def iommu_faulted(self, event: e.IommuFaulted, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "exception", "device", "refused", name="iommu")

    def captured(self, event: e.BusCaptured, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "bus.probe", "probe", "ok", value=event.cipher.hex())

    def injected(self, event: e.BusInjected, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "bus.replay", "probe", "ok", value=event.cipher.hex())

    def flipped(self, event: e.BitFlipped, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "bit.flip", "probe", "ok", field=event.field, bit=event.bit)

    def dumped(self, event: e.DimmDumped, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "machine.dump", "probe", "ok")

    def filled(self, event: e.LineFilled, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "cache.fill", "", "ok")

    def evicted(self, event: e.LineEvicted, n: int) -> Iterator[Fact]:
        kind = "dirty" if event.dirty else "clean"
        yield self.fact(event, n, "cache.evict", "", "ok", kind=kind)

    def tlb_filled(self, event: e.TlbFilled, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "tlb.fill", "", "ok")

    def tlb_flushed(self, event: e.TlbFlushed, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "tlb.flush", "", "ok", name=event.reason)

    # --- TDs ------------------------------------------------------------------------------

    def entered(self, event: e.TdEntered | e.VmEntered, n: int) -> Iterator[Fact]:
        guest = event.td if isinstance(event, e.TdEntered) else event.vm
        yield self.fact(event, n, "td.enter", guest, "ok")

    def exited(self, event: e.TdExited, n: int) -> Iterator[Fact]:
        self._leaving.add(event.lp)
        name = name_of(event.status)
        yield self.fact(event, n, "td.exit", event.td, "ok", name=name, kind=event.why)
        if event.status == TDCALL:
            yield self.fact(event, n, "vmcall", event.td, "ok", kind=event.why)

    def scrubbed(self, event: e.RegistersScrubbed, n: int) -> Iterator[Fact]:
        """One fact a register in which the host finds something, the module's own words included."""
        for name in event.exposed:
            if name in GPR_NAMES:
                value = event.gprs[GPR_NAMES.index(name)]
                yield self.fact(event, n, "td.expose", "module", "ok", name=name.lower(), value=value)

    def looked(self, event: e.HostRegistersRead, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "host.registers", "host", "ok")
        if self.world == "legacy":  # nobody stands between: what is there is the guest's
            for name, value in zip(GPR_NAMES, event.gprs, strict=True):
                if value:
                    yield self.fact(event, n, "td.expose", "host", "ok", name=name.lower(), value=value)

    def vm_exited(self, event: e.VmExited, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "td.exit", event.vm, "ok", kind=event.why)

    def fatal(self, event: e.TdBecameFatal, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "td.fatal", event.td, "ok", kind=event.why)

    def leaf(self, event: e.LeafReturned, n: int) -> Iterator[Fact]:
        """A refused TDH.VP.ENTER is an entry; after a TD exit the same leaf reports the exit."""
        name = name_of(event.status)
        actor = "host" if event.side == "host" else "guest"
        if event.name == "TDH.VP.ENTER":
            if event.lp in self._leaving:
                self._leaving.discard(event.lp)
            elif event.status:
                yield self.fact(event, n, "td.enter", actor, "refused", name=name)
        elif event.name in LEAVES:
            ok = event.status >> 63 == 0
            results = ("ok", "accepted") if ok else ("refused", name.removeprefix("TDX_").lower())
            first = event.inputs.get("RCX", 0)
            yield self.fact(event, n, LEAVES[event.name], actor, *results, name=name, first=first)
        if name == "TDX_PAGE_METADATA_INCORRECT":
            yield self.fact(event, n, "pamt.check", "module", "refused", name=event.name)

    def lifecycle(self, event: e.LifecycleChanged, n: int) -> Iterator[Fact]:
        if event.after == "TD_KEYS_CONFIGURED":
            yield self.fact(event, n, "td.key_config", event.td, "ok")

    def sept_changed(self, event: e.SeptEntryChanged, n: int) -> Iterator[Fact]:
        state = event.after.lower()
        yield self.fact(event, n, "sept.state", event.td, "ok", state=state)

    def pamt_changed(self, event: e.PamtChanged, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "pamt.change", "module", "ok", state=event.after.lower())

    def measured(self, event: e.MeasurementExtended, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "measure.extend", event.td, "ok", name=event.register)

    def ve_injected(self, event: e.VeInjected, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "ve.inject", event.td, "ok", kind=event.why)

    def interrupt(self, event: e.InterruptArrived, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "irq.inject", "host", "ok", vector=event.vector)

    def filtered(self, event: e.SteppingFiltered, n: int) -> Iterator[Fact]:
        yield self.fact(event, n, "step.filter", event.td, "ok", value=str(event.further))

    def predictor(self, event: e.IbpbIssued | e.BranchHistoryCleared, n: int) -> Iterator[Fact]:
        kind = "ibpb" if isinstance(event, e.IbpbIssued) else "bhb"
        yield self.fact(event, n, "predictor.flush", "module", "ok", kind=kind, name=event.reason)

    def exception(self, event: e.ExceptionDelivered, n: int) -> Iterator[Fact]:
        special = {UNDEFINED_OPCODE: "ud.inject", CONTROL_PROTECTION: "cet.fault"}
        names = ["guest.fault", *filter(None, [special.get(event.vector)])]
        for name in names:
            yield self.fact(event, n, name, event.actor, "ok", vector=event.vector, rip=event.rip)


TABLE: dict[type[e.Event], Callable[..., Iterator[Fact]]] = {
    e.HostLoaded: Reporter.host_loaded,
    e.HostStored: Reporter.host_stored,
    e.HostFaulted: Reporter.host_faulted,
    e.MemoryLoaded: Reporter.loaded,
    e.MemoryStored: Reporter.stored,
    e.InstructionRetired: Reporter.retired,
    e.MachineCheckRaised: Reporter.machine_check,
    e.DmaLoaded: Reporter.dma_loaded,
    e.DmaStored: Reporter.dma_stored,
    e.IommuFaulted: Reporter.iommu_faulted,
    e.BusCaptured: Reporter.captured,
    e.BusInjected: Reporter.injected,
    e.BitFlipped: Reporter.flipped,
    e.DimmDumped: Reporter.dumped,
    e.LineFilled: Reporter.filled,
    e.LineEvicted: Reporter.evicted,
    e.TlbFilled: Reporter.tlb_filled,
    e.TlbFlushed: Reporter.tlb_flushed,
    e.TdEntered: Reporter.entered,
    e.VmEntered: Reporter.entered,
    e.TdExited: Reporter.exited,
    e.RegistersScrubbed: Reporter.scrubbed,
    e.HostRegistersRead: Reporter.looked,
    e.VmExited: Reporter.vm_exited,
    e.TdBecameFatal: Reporter.fatal,
    e.LeafReturned: Reporter.leaf,
    e.LifecycleChanged: Reporter.lifecycle,
    e.SeptEntryChanged: Reporter.sept_changed,
    e.PamtChanged: Reporter.pamt_changed,
    e.MeasurementExtended: Reporter.measured,
    e.VeInjected: Reporter.ve_injected,
    e.InterruptArrived: Reporter.interrupt,
    e.SteppingFiltered: Reporter.filtered,
    e.IbpbIssued: Reporter.predictor,
    e.HostBranched: Reporter.trained,
    e.HostTimed: Reporter.timed,
    e.SpeculationBegan: Reporter.strayed,
    e.SpeculationSquashed: Reporter.squashed,
    e.BranchHistoryCleared: Reporter.predictor,
    e.ExceptionDelivered: Reporter.exception,
}
"""Core event -> the facts it becomes. Events that are not here say nothing to a lesson."""


def known_event(name: str) -> bool:
    """Whether a check may use this event name."""
    family = name.split(".")[0] + ".*"
    return name in EVENT_NAMES or family in EVENT_NAMES
