"""How a host serves each TDVMCALL sub-function: honestly, or one of the ways to be hostile.

Whatever it answers are registers that the guest asked for; what it may believe of them is the guest's job.
Source: Guest-Host Communication Interface, as in tdx-architecture 5.1; attack catalogue, cpuid-msr-spoof.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import vmm as v
from tdxviz.core.host.vmm import Registers, Request, Vmm
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import U64

HONEST, REFUSES = "honest", "refuses"
OTHER_HYPERVISOR = (0x4000_0006, 0x7263_694D, 0x666F_736F, 0x7648_2074)
"""EAX EBX ECX EDX: "Microsoft Hv"."""


class Way(NamedTuple):
    """One way to be hostile. ``act`` gets the host, the request and the honest answer; None: nothing is
    carried out, the guest is told that the request was wrong."""

    name: str
    about: str
    act: Callable[[Vmm, Request, Registers], Registers] | None


def _cpuid(vmm: Vmm, ask: Request, honest: Registers) -> Registers:
    values = OTHER_HYPERVISOR if ask["R12"] == v.HYPERVISOR_LEAF else (U64,) * 4
    return {"R10": v.SUCCESS, **dict(zip(("R12", "R13", "R14", "R15"), values, strict=True))}


def _wakes(vmm: Vmm, ask: Request, honest: Registers) -> Registers:
    vmm.halted = False
    return {"R10": v.SUCCESS}


def _inverted(vmm: Vmm, ask: Request, honest: Registers) -> Registers:
    """A value that was read comes with every bit of its size turned over."""
    size = ask["R12"] if ask.function in (v.IO, v.MMIO) else 8
    if "R11" not in honest or size not in (1, 2, 4, 8):
        return honest
    return honest | {"R11": honest["R11"] ^ (1 << 8 * size) - 1}


def _forgets_msr(vmm: Vmm, ask: Request, honest: Registers) -> Registers:
    vmm.msrs.pop(ask["R12"], None)
    return honest


def _only_says(vmm: Vmm, ask: Request, honest: Registers) -> Registers:
    vmm.only_says = True
    return honest


def _never_ends(vmm: Vmm, ask: Request, honest: Registers) -> Registers:
    """RETRY from where it began, again and again."""
    if honest["R10"] not in (v.SUCCESS, v.RETRY):
        return honest
    del vmm.converted[-1:]
    return {"R10": v.RETRY, "R11": ask["R12"]}


def _goes_on(vmm: Vmm, ask: Request, honest: Registers) -> Registers:
    vmm.fatal = None
    return {"R10": v.SUCCESS}


def _forgets_vector(vmm: Vmm, ask: Request, honest: Registers) -> Registers:
    vmm.notify_vector = 0
    return honest


REFUSAL = Way(REFUSES, "answers INVALID_OPERAND, whatever was asked", None)
WAYS: dict[int, tuple[Way, ...]] = {
    v.CPUID: (Way("spoofs", "says it is another hypervisor, and all ones for other leaves", _cpuid), REFUSAL),
    v.HLT: (Way("wakes", "enters the guest again at once, though nothing happened", _wakes), REFUSAL),
    v.IO: (Way("inverts", "turns over every bit that a port is read as", _inverted), REFUSAL),
    v.RDMSR: (Way("inverts", "turns over every bit of the register", _inverted), REFUSAL),
    v.WRMSR: (Way("forgets", "says that it is written and keeps nothing", _forgets_msr), REFUSAL),
    v.MMIO: (Way("inverts", "turns over every bit that a device register is read as", _inverted), REFUSAL),
    v.MAP_GPA: (
        Way("only says", "grants the conversion and leaves memory as it is", _only_says),
        Way("never ends", "says RETRY from where it began, for ever", _never_ends),
        REFUSAL,
    ),
    v.FATAL_ERROR: (Way("goes on", "enters the guest again as if it had said nothing", _goes_on),),
    v.SETUP_NOTIFY: (Way("forgets", "says yes and never sends the interrupt", _forgets_vector), REFUSAL),
    v.GET_QUOTE: (REFUSAL,),
    v.GET_INFO: (REFUSAL,),
}
"""Sub-function -> the ways to be hostile; honesty is always possible."""
NAMES = {v.NAMES[function]: function for function in WAYS}


def choices(function: int) -> list[tuple[str, str]]:
    """(name, what it does) of every conduct for a sub-function, the honest one first."""
    return [(HONEST, "as a well-meaning hypervisor does"), *((way.name, way.about) for way in WAYS[function])]


def way(function: int, name: str) -> Way:
    """Raises TdxvizError with the nearest right name."""
    found = next((one for one in WAYS[function] if one.name == name), None)
    if found is None:
        known = [choice for choice, _ in choices(function)]
        raise TdxvizError(f"{v.NAMES[function]}: no conduct {name!r}; {did_you_mean(name, known)}")
    return found


def host(conduct: Mapping[str, str]) -> Vmm:
    """A host that serves each named sub-function as told, all others honestly.

    Raises:
        TdxvizError: no such sub-function, or no such conduct for it.
    """
    made = Vmm()
    for name, wanted in conduct.items():
        if name not in NAMES:
            raise TdxvizError(f"no sub-function {name!r}; {did_you_mean(name, NAMES)}")
        if wanted == HONEST:
            continue
        chosen = way(NAMES[name], wanted)
        if chosen.act is None:
            made.refused.add(NAMES[name])
        else:
            made.lies[NAMES[name]] = partial(chosen.act, made)
    return made
