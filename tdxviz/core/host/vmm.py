"""The host's side of TDVMCALL: what an honest hypervisor answers, and how a hostile one lies.

This is host software with its own memory: it sees the registers that the guest selected and nothing
else, and its answers are registers of the next TDH.VP.ENTER. Source: Guest-Host Communication
Interface, as in tdx-architecture 5.1.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tdxviz.core.arch import exits
from tdxviz.core.events import Event, LeafReturned
from tdxviz.core.units import MIB, PAGE, U64

SUCCESS, RETRY = 0, 1
INVALID_OPERAND, GPA_INUSE = 1 << 63, 1 << 63 | 1
ALIGN_ERROR, SUBFUNC_UNSUPPORTED = 1 << 63 | 2, 1 << 63 | 3
ANSWERS = {
    SUCCESS: "SUCCESS", RETRY: "RETRY", INVALID_OPERAND: "INVALID_OPERAND", GPA_INUSE: "GPA_INUSE",
    ALIGN_ERROR: "ALIGN_ERROR", SUBFUNC_UNSUPPORTED: "SUBFUNC_UNSUPPORTED",
}  # fmt: skip
"""R10 after a TDVMCALL, as GHCI spells it."""

CPUID, HLT, IO, RDMSR, WRMSR, MMIO, WBINVD, PCONFIG = 10, 12, 30, 31, 32, 48, 54, 65
GET_INFO, MAP_GPA, GET_QUOTE, FATAL_ERROR, SETUP_NOTIFY, SERVICE = range(0x10000, 0x10006)
NAMES = {
    CPUID: "Instruction.CPUID", HLT: "Instruction.HLT", IO: "Instruction.IO", RDMSR: "Instruction.RDMSR",
    WRMSR: "Instruction.WRMSR", MMIO: "#VE.RequestMMIO", WBINVD: "Instruction.WBINVD",
    PCONFIG: "Instruction.PCONFIG", GET_INFO: "GetTdVmCallInfo", MAP_GPA: "MapGPA",
    GET_QUOTE: "GetQuote", FATAL_ERROR: "ReportFatalError", SETUP_NOTIFY: "SetupEventNotifyInterrupt",
    SERVICE: "Service",
}  # fmt: skip

CONSOLE, EXIT = 0xE9, 0xF4
"""Ports of QEMU's debug console and debug exit."""
SHARED_BIT = 47
CHUNK = 2 * MIB
"""MapGPA is done in pieces: the guest is told where to go on, as KVM does."""
HYPERVISOR_LEAF = 0x4000_0000
SIGNATURE = (0x4000_0001, 0x4B4D564B, 0x564B4D56, 0x4D)
"""EAX EBX ECX EDX of the hypervisor leaf: "KVMKVMKVM"."""
MESSAGE = ("R14", "R15", "RBX", "RDI", "RSI", "R8", "R9", "RDX")

Registers = dict[str, int]
Lie = Callable[["Request", Registers], Registers]
"""A hostile host's change to an honest answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One TDVMCALL as the host sees it; registers that were not selected read 0."""

    function: int
    regs: Registers

    def __getitem__(self, name: str) -> int:
        return self.regs.get(name, 0)

    @property
    def name(self) -> str:
        return NAMES.get(self.function, f"sub-function {self.function:#x}")


def request_of(event: Event) -> Request | None:
    """The TDVMCALL that a TD exit brought, if it was one."""
    if not isinstance(event, LeafReturned) or event.name != "TDH.VP.ENTER" or event.status != exits.TDCALL:
        return None
    return Request(event.outputs.get("R11", 0), dict(event.outputs))


@dataclass
class Vmm:
    """A hypervisor's devices and registers for one guest."""

    console: bytearray = field(default_factory=bytearray)
    exit_code: int | None = None
    """Written to port 0xF4."""
    fatal: tuple[int, bytes] | None = None
    """Code and message of ReportFatalError."""
    halted: bool = False
    notify_vector: int = 0
    converted: list[tuple[int, int, bool]] = field(default_factory=list)
    """(GPA without the SHARED bit, size, shared) of every MapGPA that was granted."""
    carried: int = 0
    """How many of them the host has carried out."""
    only_says: bool = False
    """A hostile host grants conversions and leaves memory as it is."""
    msrs: dict[int, int] = field(default_factory=dict)
    mmio: dict[int, int] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=dict)
    lies: dict[int, Lie] = field(default_factory=dict)
    """Sub-function -> what a hostile host makes of the honest answer."""
    refused: set[int] = field(default_factory=set)
    """Sub-functions that a hostile host does not carry out at all."""

    @property
    def finished(self) -> bool:
        """The guest has nothing more to do, by its own word."""
        return self.exit_code is not None or self.fatal is not None

    def serve(self, request: Request) -> Registers:
        """Registers for the next TDH.VP.ENTER."""
        if request.function in self.refused and not request["R10"]:
            return {"R10": INVALID_OPERAND}
        if request["R10"]:
            answer = {"R10": SUBFUNC_UNSUPPORTED}  # a vendor's own hypercall
        else:
            handler = HANDLERS.get(request.function)
            answer = handler(self, request) if handler else {"R10": SUBFUNC_UNSUPPORTED}
        lie = self.lies.get(request.function)
        return lie(request, answer) if lie else answer

    # --- what both kinds of guests ask for ------------------------------------------------

    def port_in(self, port: int, size: int) -> int:
        if port == CONSOLE:
            return CONSOLE
        return self.ports.get(port, U64) & (1 << 8 * size) - 1

    def port_out(self, port: int, size: int, value: int) -> None:
        if port == CONSOLE:
            self.console.append(value & 0xFF)
        elif port == EXIT:
            self.exit_code = value & 0xFFFF_FFFF
        else:
            self.ports[port] = value & (1 << 8 * size) - 1

    def read_msr(self, index: int) -> int:
        return self.msrs.get(index, 0)

    def mmio_in(self, gpa: int, size: int) -> int:
        return self.mmio.get(gpa, U64)

    def mmio_out(self, gpa: int, size: int, value: int) -> None:
        self.mmio[gpa] = value

    def cpuid(self, leaf: int, subleaf: int) -> tuple[int, int, int, int]:
        return SIGNATURE if leaf == HYPERVISOR_LEAF else (0, 0, 0, 0)


def _cpuid(vmm: Vmm, ask: Request) -> Registers:
    values = vmm.cpuid(ask["R12"], ask["R13"])
    return {"R10": SUCCESS, **dict(zip(("R12", "R13", "R14", "R15"), values, strict=True))}


def _hlt(vmm: Vmm, ask: Request) -> Registers:
    vmm.halted = True
    return {"R10": SUCCESS}


def _io(vmm: Vmm, ask: Request) -> Registers:
    size, port = ask["R12"], ask["R14"]
    if size not in (1, 2, 4) or ask["R13"] > 1 or port > 0xFFFF:
        return {"R10": INVALID_OPERAND}
    if ask["R13"]:
        vmm.port_out(port, size, ask["R15"])
        return {"R10": SUCCESS}
    return {"R10": SUCCESS, "R11": vmm.port_in(port, size)}


def _rdmsr(vmm: Vmm, ask: Request) -> Registers:
    return {"R10": SUCCESS, "R11": vmm.read_msr(ask["R12"])}


def _wrmsr(vmm: Vmm, ask: Request) -> Registers:
    vmm.msrs[ask["R12"]] = ask["R13"]
    return {"R10": SUCCESS}


def _mmio(vmm: Vmm, ask: Request) -> Registers:
    size, gpa = ask["R12"], ask["R14"]
    if size not in (1, 2, 4, 8) or ask["R13"] > 1 or gpa >> SHARED_BIT != 1:
        return {"R10": INVALID_OPERAND}
    keep = (1 << 8 * size) - 1
    if ask["R13"]:
        vmm.mmio_out(gpa, size, ask["R15"] & keep)
        return {"R10": SUCCESS}
    return {"R10": SUCCESS, "R11": vmm.mmio_in(gpa, size) & keep}


def _map_gpa(vmm: Vmm, ask: Request) -> Registers:
    start, size = ask["R12"], ask["R13"]
    if start % PAGE or size % PAGE:
        return {"R10": ALIGN_ERROR, "R11": start}
    last = start + size - 1
    if not size or last >> SHARED_BIT > 1 or start >> SHARED_BIT != last >> SHARED_BIT:
        return {"R10": INVALID_OPERAND, "R11": start}
    chunk = min(size, CHUNK - start % CHUNK)
    vmm.converted.append((start & ~(1 << SHARED_BIT), chunk, bool(start >> SHARED_BIT)))
    return {"R10": SUCCESS} if chunk == size else {"R10": RETRY, "R11": start + chunk}


def _get_quote(vmm: Vmm, ask: Request) -> Registers:
    """Checked as KVM does; then refused, because this host has no quoting service."""
    if ask["R12"] >> SHARED_BIT != 1 or not ask["R13"]:
        return {"R10": INVALID_OPERAND}
    if ask["R12"] % PAGE or ask["R13"] % PAGE:
        return {"R10": ALIGN_ERROR}
    return {"R10": SUBFUNC_UNSUPPORTED}


def _fatal_error(vmm: Vmm, ask: Request) -> Registers:
    text = b"".join(ask[name].to_bytes(8, "little") for name in MESSAGE)
    vmm.fatal = ask["R12"], text.split(b"\0")[0]
    return {"R10": SUCCESS}


def _setup_notify(vmm: Vmm, ask: Request) -> Registers:
    if not 32 <= ask["R12"] <= 255:
        return {"R10": INVALID_OPERAND}
    vmm.notify_vector = ask["R12"]
    return {"R10": SUCCESS}


def _nothing(vmm: Vmm, ask: Request) -> Registers:
    return {"R10": SUCCESS}


HANDLERS: dict[int, Callable[[Vmm, Request], Registers]] = {
    CPUID: _cpuid,
    HLT: _hlt,
    IO: _io,
    RDMSR: _rdmsr,
    WRMSR: _wrmsr,
    MMIO: _mmio,
    WBINVD: _nothing,
    GET_INFO: _nothing,
    MAP_GPA: _map_gpa,
    GET_QUOTE: _get_quote,
    FATAL_ERROR: _fatal_error,
    SETUP_NOTIFY: _setup_notify,
}
