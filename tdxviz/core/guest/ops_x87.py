"""x87, MXCSR and the extended state: resetting, saving and restoring. Arithmetic is not modelled.

Source: Intel SDM volume 2, the instructions' pages; the order of checks, volume 3, tables 2-1 and 6-2.
"""

from collections.abc import Callable

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import address, reader, writer
from tdxviz.core.guest.ops_sse import check
from tdxviz.core.guest.table import Build, Op
from tdxviz.core.hw import x87
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.units import LINE

NM, GP, MF = 7, 13, 16
MP, EM, TS = 1 << 1, 1 << 2, 1 << 3
XMM_SIZE = 16
LOW, POINTERS = 0xFFFF_FFFF, slice(8, 24)


def _available(x: Context) -> None:
    """#NM if the operating system has not given the FPU to this program."""
    if x.cpu.cr0 & (EM | TS):
        raise GuestFault(NM)


def _waits(x: Context) -> None:
    """#MF for an exception that an earlier instruction left pending."""
    if x.cpu.fpu.pending:
        raise GuestFault(MF)


def wait(ins: Instruction) -> Op:
    """FWAIT: only a task switch (TS) under MP keeps it from looking."""

    def run(x: Context) -> None:
        if x.cpu.cr0 & (MP | TS) == MP | TS:
            raise GuestFault(NM)
        _waits(x)

    return run


def _simple(change: Callable[[x87.Fpu], x87.Fpu]) -> Build:
    """FNINIT and FNCLEX, which do not wait."""

    def build(ins: Instruction) -> Op:
        def run(x: Context) -> None:
            _available(x)
            x.cpu.fpu = change(x.cpu.fpu)

        return run

    return build


def fldcw(ins: Instruction) -> Op:
    get = reader(ins, 0, 2)

    def run(x: Context) -> None:
        _available(x)
        _waits(x)
        x.cpu.fpu = x.cpu.fpu.controlled(get(x))

    return run


def _word(field: str) -> Build:
    """FNSTCW and FNSTSW: 16 bits into memory or AX."""

    def build(ins: Instruction) -> Op:
        put = writer(ins, 0, 2)

        def run(x: Context) -> None:
            _available(x)
            put(x, getattr(x.cpu.fpu, field))

        return run

    return build


def ldmxcsr(ins: Instruction) -> Op:
    get = reader(ins, 0, 4)

    def run(x: Context) -> None:
        check(x)
        value = get(x)
        if value & ~x87.MXCSR_KNOWN:
            raise GuestFault(GP, 0)
        x.cpu.fpu = x.cpu.fpu._replace(mxcsr=value)

    return run


def stmxcsr(ins: Instruction) -> Op:
    put = writer(ins, 0, 4)

    def run(x: Context) -> None:
        check(x)
        put(x, x.cpu.fpu.mxcsr)

    return run


def _area(x: Context, at: int) -> int:
    """The save area of FXSAVE and FXRSTOR: a multiple of 16."""
    _available(x)
    if at % 16:
        raise GuestFault(GP, 0)
    return at


def _vectors(x: Context) -> int:
    """How many XMM registers the mode has."""
    return 16 if x.cpu.bits == 64 else 8


def _fxsave(wide: bool) -> Build:
    """``wide``: 64-bit instruction and data pointers, else 32-bit offsets (selectors are saved as 0)."""

    def build(ins: Instruction) -> Op:
        where = address(ins)

        def run(x: Context) -> None:
            at = _area(x, where(x))
            fpu = x.cpu.fpu if wide else _narrow(x.cpu.fpu)
            xmm = x.cpu.xmm[: _vectors(x)]
            _put(x, at, x87.pack(fpu) + b"".join(value.to_bytes(16, "little") for value in xmm))

        return run

    return build


def _narrow(fpu: x87.Fpu) -> x87.Fpu:
    return fpu._replace(fip=fpu.fip & LOW, fdp=fpu.fdp & LOW)


def _put(x: Context, at: int, data: bytes) -> None:
    """All or nothing: every line is probed before the first is written."""
    parts = [(at + n, data[n : n + 16]) for n in range(0, len(data), 16)]
    for place in sorted({place & -LINE for place, _ in parts}):
        x.probe(max(place, at), 16)
    for place, part in parts:
        x.store(place, 16, int.from_bytes(part, "little"))


def _get(x: Context, at: int, size: int) -> bytes:
    return b"".join(x.load(at + n, 16).to_bytes(16, "little") for n in range(0, size, 16))


def _fxrstor(wide: bool) -> Build:
    def build(ins: Instruction) -> Op:
        where = address(ins)

        def run(x: Context) -> None:
            at, vectors = _area(x, where(x)), _vectors(x)
            data = _get(x, at, x87.SIZE + vectors * XMM_SIZE)
            fpu = x87.unpack(data)
            if fpu.mxcsr & ~x87.MXCSR_KNOWN:
                raise GuestFault(GP, 0)
            _load(x.cpu, fpu if wide else _narrow(fpu), data[x87.SIZE :])

        return run

    return build


def _load(cpu: CpuState, fpu: x87.Fpu, vectors: bytes) -> None:
    cpu.fpu = fpu
    for n in range(0, len(vectors), XMM_SIZE):
        cpu.xmm[n // XMM_SIZE] = int.from_bytes(vectors[n : n + XMM_SIZE], "little")


TABLE: dict[str, Build] = {
    "WAIT": wait,
    "FNINIT": _simple(x87.Fpu.initialised),
    "FNCLEX": _simple(x87.Fpu.cleared),
    "FLDCW": fldcw,
    "FNSTCW": _word("fcw"),
    "FNSTSW": _word("fsw"),
    "LDMXCSR": ldmxcsr,
    "STMXCSR": stmxcsr,
    "FXSAVE": _fxsave(False),
    "FXSAVE64": _fxsave(True),
    "FXRSTOR": _fxrstor(False),
    "FXRSTOR64": _fxrstor(True),
}
