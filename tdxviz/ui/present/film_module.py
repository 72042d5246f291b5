"""Stills of the TDX module's leaves, of the border of a guest, and of what its instructions cause."""

from functools import singledispatch

from tdxviz.core import events as e
from tdxviz.core.arch import status
from tdxviz.core.units import is_private
from tdxviz.ui.present.film_acts import host_core
from tdxviz.ui.present.film_parts import Cutter
from tdxviz.ui.present.hexes import actor_title, bare, spaced


def take(cutter: Cutter, event: e.Event) -> bool:
    """Add the event's still. False: nothing to show."""
    return _take(event, cutter)


@singledispatch
def _take(event: e.Event, cutter: Cutter) -> bool:
    return False


# --- the TDX module and the border of a guest ----------------------------------------------------


@_take.register
def _(event: e.LeafReturned, cutter: Cutter) -> bool:
    host = event.side == "host"
    core = host_core(event.lp) if host else "core0"
    if not cutter.title:
        cutter.begin("leaf", "host" if host else "td-a", f"{event.name} on core {max(event.lp, 0)}")
    cutter.forget()
    bad = bool(event.status & status.ERROR) and bool(event.reason)
    if bad:
        cutter.refuse(event.reason)
    name = status.name_of(event.status)
    text = f"{name}: {event.reason}." if bad else f"RAX = {name}."
    cutter.still("return", event.name, text, core, short="return", refused=bad)
    return True


@_take.register
def _(event: e.SeamcallFailed, cutter: Cutter) -> bool:
    cutter.begin("leaf", "host", "SEAMCALL fails")
    cutter.refuse(event.how)
    cutter.still("refused", event.how, f"SEAMCALL: {event.how}.", host_core(event.lp), refused=True)
    return True


@_take.register
def _(event: e.TdEntered, cutter: Cutter) -> bool:
    cutter.forget()
    cutter.begin("border", event.td, f"{actor_title(event.td)} vCPU {event.vcpu} is entered")
    cutter.still("enter", "enter", "The module loads the registers from encrypted TDVPS pages.",
                 "core0")  # fmt: skip
    return True


@_take.register
def _(event: e.VmEntered, cutter: Cutter) -> bool:
    cutter.begin("border", event.vm, f"{actor_title(event.vm)} is entered")
    cutter.still("enter", "enter", "Registers stay as the host left them.", "core0")
    return True


@_take.register
def _(event: e.VmExited, cutter: Cutter) -> bool:
    cutter.begin("border", event.vm, f"{actor_title(event.vm)} stops: {event.why}")
    cutter.still("exit", "exit", "All guest registers are left for the host to read.", "core0")
    return True


@_take.register
def _(event: e.StateSaved, cutter: Cutter) -> bool:
    title = f"{actor_title(event.td)} leaves core {max(event.lp, 0)}"
    if cutter.kind == "guest":
        cutter.refuse("no usable translation: the TD exits")
    else:
        cutter.forget()
        cutter.begin("border", event.td, title)
    cutter.still("save", "save state", f"The vCPU goes into TDVPS at {bare(event.hpa)}, encrypted.",
                 "module", short="save")  # fmt: skip
    return True


@_take.register
def _(event: e.RegistersScrubbed, cutter: Cutter) -> bool:
    kept = ", ".join(event.exposed) or "nothing"
    cutter.still("scrub", "scrub registers", f"The host will find {kept}; all else is zero.",
                 "module", short="scrub")  # fmt: skip
    return True


@_take.register
def _(event: e.TdExited, cutter: Cutter) -> bool:
    cutter.still("exit", "exit", f"{actor_title(event.td)} stops: {event.why}.", "core0")
    return True


@_take.register
def _(event: e.TdBecameFatal, cutter: Cutter) -> bool:
    cutter.refuse(event.why)
    cutter.still("refused", "TD is dead", f"{actor_title(event.td)} is fatal: {event.why}.", "module",
                 short="dead", refused=True)  # fmt: skip
    return True


@_take.register
def _(event: e.SeptEntryChanged, cutter: Cutter) -> bool:
    cutter.still("sept", "Secure EPT", f"{spaced(event.gpa)}: {event.before} becomes {event.after}.",
                 "module", short="SEPT")  # fmt: skip
    return True


@_take.register
def _(event: e.PamtChanged, cutter: Cutter) -> bool:
    cutter.still("pamt", "PAMT", f"Page {bare(event.hpa)}: {event.before} becomes {event.after}.",
                 "module")  # fmt: skip
    return True


@_take.register
def _(event: e.VeInjected, cutter: Cutter) -> bool:
    cutter.begin("border", event.td, f"#VE for {actor_title(event.td)}")
    cutter.still("act", "#VE", f"{event.why}.", "module")
    return True


@_take.register
def _(event: e.ExceptionDelivered, cutter: Cutter) -> bool:
    cutter.kind, cutter.actor = cutter.kind if cutter.title else "border", event.actor
    cutter.title = cutter.title or f"{actor_title(event.actor)} takes exception {event.vector}"
    cutter.refuse(event.why or f"exception {event.vector}")
    cutter.still("refused", f"exception {event.vector}", event.why or "Its own handler runs next.",
                 "core0", short="fault", refused=True)  # fmt: skip
    return True


@_take.register
def _(event: e.InterruptArrived, cutter: Cutter) -> bool:
    cutter.begin("border", "host", f"Interrupt {event.vector:#x} arrives at core {max(event.lp, 0)}")
    cutter.still("act", "interrupt", "The guest stops at its next instruction.", host_core(event.lp))
    return True


StateChange = e.SystemStateChanged | e.KotChanged | e.LifecycleChanged | e.OpStateChanged | e.VcpuStateChanged


@_take.register(e.SystemStateChanged)
@_take.register(e.KotChanged)
@_take.register(e.LifecycleChanged)
@_take.register(e.OpStateChanged)
@_take.register(e.VcpuStateChanged)
def _(event: StateChange, cutter: Cutter) -> bool:
    cutter.still("state", "state", f"{event.before} becomes {event.after}.", "module")
    return True


@_take.register
def _(event: e.MeasurementExtended, cutter: Cutter) -> bool:
    cutter.still("state", "measure", f"{event.register} takes in {event.what}.", "module")
    return True


@_take.register
def _(event: e.CpuidAnswered, cutter: Cutter) -> bool:
    cutter.begin("border", event.actor, f"{actor_title(event.actor)} executes CPUID {event.leaf:#x}")
    cutter.still("act", "CPUID", f"The {event.by} answers.", "core0")
    return True


@_take.register
def _(event: e.InstructionNotModelled, cutter: Cutter) -> bool:
    cutter.begin("border", event.actor, f"{event.text} is not modelled")
    cutter.still("act", "#UD", "The bytes decode, but this simulator does not model them.", "core0")
    return True


@_take.register
def _(event: e.VmConfigured, cutter: Cutter) -> bool:
    cutter.begin("leaf", "host", f"The host maps {spaced(event.gpa)} of {actor_title(event.vm)}")
    cutter.still("act", "map", f"Its own EPT, at {spaced(event.hpa)}.", host_core(event.lp))
    return True


@_take.register
def _(event: e.TlbFlushed, cutter: Cutter) -> bool:
    text = f"{event.count} translations dropped: {event.reason}."
    cutter.still("flush", "flush the TLB", text, "tlb", short="flush")
    return True


@_take.register
def _(event: e.KeyConfigured, cutter: Cutter) -> bool:
    side = "private" if is_private(event.hkid) else "shared"
    cutter.still("key", "new key", f"A random key for {side} KeyID {event.hkid:#x}.", "engine")
    return True
