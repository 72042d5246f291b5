"""Stills of what attackers do: host software, devices, people with a probe."""

from functools import singledispatch

from tdxviz.core import events as e
from tdxviz.ui.present.film_parts import RULES, STOPS, Cutter
from tdxviz.ui.present.hexes import actor_title, bare, hex_bytes, spaced


def take(cutter: Cutter, event: e.Event) -> bool:
    """Add the event's still. False: nothing to show."""
    return _take(event, cutter)


@singledispatch
def _take(event: e.Event, cutter: Cutter) -> bool:
    return False


# --- host software ----------------------------------------------------------------------------


@_take.register
def _(event: e.HostLoaded, cutter: Cutter) -> bool:
    size = len(event.data)
    cutter.begin("host", "host", f"Host software loads {size} bytes at {spaced(event.hpa)}, "
                 f"KeyID {event.keyid:#x}")  # fmt: skip
    cutter.aim(event.hpa, event.keyid)
    words = RULES.get(event.rule, event.rule)
    told = cutter.refused
    if event.rule in STOPS:
        cutter.refuse(words)
    words = f"The host gets {hex_bytes(event.data, 8)}" + ("." if told else f": {words}.")
    cutter.still("deliver", "use", words,
                 host_core(event.lp), data=event.data, plain=True)  # fmt: skip
    return True


@_take.register
def _(event: e.HostStored, cutter: Cutter) -> bool:
    cutter.begin("host", "host", f"Host software stores {len(event.data)} bytes at "
                 f"{spaced(event.hpa)}, {event.how}")  # fmt: skip
    cutter.aim(event.hpa, event.keyid)
    cached = event.how == "ordinary"
    cutter.still("store" if cached else "stored", "store",
                 "The store is accepted: writes are never checked.",
                 "cache" if cached else host_core(event.lp), data=event.data, plain=True)  # fmt: skip
    return True


@_take.register
def _(event: e.HostFaulted, cutter: Cutter) -> bool:
    cutter.begin("host", "host", f"Host software touches {spaced(event.hpa)}, KeyID {event.keyid:#x}")
    cutter.aim(event.hpa, event.keyid)
    cutter.refuse(event.detail or event.fault)
    cutter.still("refused", event.fault, f"{event.fault}: {event.detail}.", host_core(event.lp),
                 refused=True)  # fmt: skip
    return True


@_take.register
def _(event: e.HostRegistersRead, cutter: Cutter) -> bool:
    cutter.begin("host", "host", "Host software looks at the registers it finds")
    live = sum(1 for value in event.gprs if value)
    cutter.still("registers", "read registers", f"{live} of 16 registers are not zero.",
                 host_core(event.lp), short="registers")  # fmt: skip
    return True


def host_core(lp: int) -> str:
    """The box of a logical processor: the picture has two cores, 0 and all others."""
    return "core0" if lp == 0 else "core1"


# --- devices ----------------------------------------------------------------------------------


@_take.register
def _(event: e.DmaMapped, cutter: Cutter) -> bool:
    cutter.begin("device", "device", f"Host maps device page {event.iova:#x} to {spaced(event.hpa)}")
    cutter.aim(event.hpa, event.keyid)
    cutter.still("map", "map", f"The host's IOMMU table, KeyID {event.keyid:#x}.", "iommu")
    return True


@_take.register
def _(event: e.DmaLoaded, cutter: Cutter) -> bool:
    cutter.begin("device", "device", f"Device reads {len(event.data)} bytes at {spaced(event.hpa)}")
    cutter.aim(event.hpa, event.keyid)
    words = RULES.get(event.rule, event.rule)
    told = cutter.refused
    if event.rule in STOPS:
        cutter.refuse(words)
    words = f"The device gets {hex_bytes(event.data, 8)}" + ("." if told else f": {words}.")
    cutter.still("deliver", "use", words,
                 "device", data=event.data, plain=True)  # fmt: skip
    return True


@_take.register
def _(event: e.DmaStored, cutter: Cutter) -> bool:
    cutter.begin("device", "device", f"Device writes {len(event.data)} bytes at {spaced(event.hpa)}")
    cutter.aim(event.hpa, event.keyid)
    cutter.still("stored", "store", "The write is accepted: writes are never checked.", "device",
                 data=event.data, plain=True)  # fmt: skip
    return True


@_take.register
def _(event: e.IommuFaulted, cutter: Cutter) -> bool:
    cutter.begin("device", "device", f"Device touches {spaced(event.hpa)}, KeyID {event.keyid:#x}")
    cutter.aim(event.hpa, event.keyid)
    cutter.refuse(event.reason)
    cutter.still("refused", "IOMMU fault", f"The IOMMU aborts: {event.reason}.", "iommu",
                 refused=True)  # fmt: skip
    return True


# --- people with a probe ----------------------------------------------------------------------


@_take.register
def _(event: e.BusCaptured, cutter: Cutter) -> bool:
    cutter.begin("probe", "probe", f"The probe records line {bare(event.hpa)}")
    cutter.aim(event.hpa)
    cutter.still("capture", "record the line", f"It copies {hex_bytes(event.cipher, 4)} and the metadata.",
                 "probe", short="record", data=event.cipher)  # fmt: skip
    return True


@_take.register
def _(event: e.BusInjected, cutter: Cutter) -> bool:
    cutter.begin("probe", "probe", f"The probe puts an old line back at {bare(event.hpa)}")
    cutter.aim(event.hpa)
    cutter.still("inject", "put it back", f"The chips hold {hex_bytes(event.cipher, 4)} again.", "dram",
                 short="inject", data=event.cipher)  # fmt: skip
    return True


@_take.register
def _(event: e.BitFlipped, cutter: Cutter) -> bool:
    cutter.begin("probe", "probe", f"The probe flips bit {event.bit} of the {event.field} of line "
                 f"{bare(event.hpa)}")  # fmt: skip
    cutter.aim(event.hpa)
    cutter.still("inject", "flip a bit", "Memory never complains about a write.", "dram", short="flip")
    return True


@_take.register
def _(event: e.DimmDumped, cutter: Cutter) -> bool:
    cutter.begin("probe", "probe", f"Power off: the DIMM is read elsewhere, from {spaced(event.hpa)}")
    cutter.aim(event.hpa)
    cutter.still("capture", "dump the DIMM", f"The dump begins {hex_bytes(event.data, 8)}; keys are gone.",
                 "probe", short="dump", data=event.data)  # fmt: skip
    return True


@_take.register
def _(event: e.CommandRefused, cutter: Cutter) -> bool:
    cutter.begin("other", "host", f"{event.command} has no meaning now")
    cutter.refuse(event.reason)
    cutter.still("refused", "nothing happens", event.reason, "core1", refused=True)
    return True


@_take.register
def _(event: e.VmStateWritten, cutter: Cutter) -> bool:
    cutter.begin("host", "host", f"The host changes {event.register} of the VM")
    cutter.still("act", "write state", f"{event.register} = {event.value:#x}, in memory of its own.",
                 host_core(event.lp))  # fmt: skip
    return True


@_take.register
def _(event: e.TimePassed, cutter: Cutter) -> bool:
    cutter.begin("host", "host", "The host lets time pass")
    who = ", ".join(event.ran) or "No guest"
    cutter.still("act", "wait", f"{who} ran meanwhile.", host_core(event.lp))
    return True


@_take.register
def _(event: e.HostTimed, cutter: Cutter) -> bool:
    cutter.begin("host", "host", f"Host software times a load at {spaced(event.hpa)}")
    cutter.aim(event.hpa, 0)
    words = "Slow: the line was not in the cache." if event.slow else "Fast: the line was in the cache."
    cutter.still("deliver", "time", words, host_core(event.lp))
    return True


@_take.register
def _(event: e.MachineRebooted, cutter: Cutter) -> bool:
    cutter.begin("host", "host", "The machine is switched off and on")
    if event.why:
        cutter.refuse(event.why)
    words = f"{event.why}." if event.why else "Keys are new, memory is scrubbed, guests are gone."
    cutter.still("act", "reboot", words, host_core(event.lp), refused=bool(event.why))
    return True


@_take.register
def _(event: e.HostCounted, cutter: Cutter) -> bool:
    cutter.begin("host", "host", f"Host software reads its performance counter on core {max(event.lp, 0)}")
    cutter.still("deliver", "count", f"{event.retired} instructions counted.", host_core(event.lp))
    return True


@_take.register
def _(event: e.ReportChecked, cutter: Cutter) -> bool:
    cutter.begin("host", "host", "A relying party reads the TD's report")
    if not event.accepted:
        cutter.refuse(event.reason)
    words = "It accepts the TD." if event.accepted else f"{event.reason}: no secret for this TD."
    cutter.still("act", "judge", words, host_core(event.lp), refused=not event.accepted)
    return True


@_take.register
def _(event: e.HostClocked, cutter: Cutter) -> bool:
    cutter.begin("host", "host", f"Host software reads the clock of core {max(event.lp, 0)}")
    cutter.still("deliver", "clock", f"Time-stamp counter {event.tsc}.", host_core(event.lp))
    return True


@_take.register
def _(event: e.VmxOperationEntered, cutter: Cutter) -> bool:
    cutter.begin("border", event.actor, "VMXON works in this VM")
    cutter.still("act", "VMXON", "The hypervisor lets its guest be a hypervisor.", "core0")
    return True


@_take.register
def _(event: e.HostBranched, cutter: Cutter) -> bool:
    cutter.begin("host", "host", f"Host software trains a branch at {spaced(event.at)}")
    words = f"The predictor of this core has learned: from {spaced(event.at)} to {spaced(event.to)}."
    cutter.still("act", "train", words, host_core(event.lp))
    return True


@_take.register
def _(event: e.SpeculationBegan, cutter: Cutter) -> bool:
    who, trainer = actor_title(event.actor), actor_title(event.trainer)
    cutter.begin("guest", event.actor, f"{who} executes ahead at {spaced(event.predicted)}")
    words = f"Predicted as {trainer} trained it; the branch really goes to {spaced(event.actual)}."
    cutter.still("act", "predict", words, "core0")
    return True


@_take.register
def _(event: e.SpeculationSquashed, cutter: Cutter) -> bool:
    cutter.begin("guest", event.actor, f"{actor_title(event.actor)} undoes {event.executed} instructions")
    left = ", ".join(spaced(hpa) for hpa in event.lines[:4]) or "nothing"
    cutter.still("act", "undo", f"Registers and stores are as before. New in the cache: {left}.", "core0")
    return True
